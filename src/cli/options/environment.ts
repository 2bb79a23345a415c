import { readFileSync } from 'node:fs';
import { messageOf, NiwaError } from '../../protocol/errors.js';
import { wrong } from '../values.js';
import { pairs } from './fields.js';

/**
 * Reads variables of the environment: `NAME=VALUE`, or `NAME` for the value that the caller has. A name for which the
 * caller has no value is left out.
 * @param flag the name of the flag, for the error
 * @param own the caller's environment
 * @throws NiwaError SPEC_INVALID
 */
export function variables(
  flag: string,
  values: readonly string[] = [],
  own: NodeJS.ProcessEnv = process.env,
): Record<string, string> {
  return Object.fromEntries(
    values.flatMap((value) => {
      const equals = value.indexOf('=');
      if (value === '' || equals === 0) return wrong(flag, value, 'NAME=VALUE, or NAME for the value of the caller');
      if (equals > 0) return [[value.slice(0, equals), value.slice(equals + 1)]];
      const mine = own[value];
      return mine === undefined ? [] : [[value, mine]];
    }),
  );
}

/**
 * Reads the variables of files, in the form of Docker: a line for each variable as {@link variables} takes it, `#`
 * before a comment, no quotes. A later file counts.
 * @throws NiwaError SPEC_INVALID
 */
export function variablesOfFiles(files: readonly string[] = []): Record<string, string> {
  return Object.assign({}, ...files.map((file) => variables('--env-file', linesOf('--env-file', file))));
}

/** Reads the labels of files: a line `NAME=VALUE` for each. @throws NiwaError SPEC_INVALID */
export function labelsOfFiles(files: readonly string[] = []): Record<string, string> {
  return Object.assign({}, ...files.map((file) => pairs('--label-file', linesOf('--label-file', file))));
}

/** The lines of a file that are neither empty nor a comment. */
function linesOf(flag: string, file: string): string[] {
  return readWhole(flag, file)
    .split(/\r?\n/)
    .map((line) => line.trimStart())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** Reads the file that a flag names. @throws NiwaError SPEC_INVALID */
export function readWhole(flag: string, file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    throw new NiwaError('SPEC_INVALID', `cannot read the file of ${flag}: ${messageOf(error)}`, { cause: error });
  }
}
