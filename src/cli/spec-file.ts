import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { messageOf, NiwaError } from '../protocol/errors.js';
import type { SpecInput } from '../protocol/spec.js';
import { invalid, show } from '../spec/problems.js';
import { wordsOfContainer } from './command.js';
import { withAbsolutePaths } from './relative-paths.js';
import { type SpecOptions, toSpec } from './spec-options.js';

/**
 * Gives the spec of a command line: the spec file, changed by the flags, with the container's command.
 * @throws NiwaError SPEC_INVALID
 */
export async function specOf(options: SpecOptions): Promise<SpecInput> {
  const base = options.file === undefined ? {} : await readSpecFile(options.file);
  return toSpec(options, wordsOfContainer, base);
}

/**
 * Reads a spec file, which is YAML or JSON (JSON is a part of YAML). The parser is loaded only here, because most
 * commands do not need it. Relative paths in the file start from the file's folder; in standard input, from the working
 * directory.
 */
async function readSpecFile(path: string): Promise<Partial<SpecInput>> {
  const { parseYaml } = await import('../spec/yaml.js');
  const what = `the spec ${path}`;
  const spec = parseYaml(readFile(path), what) ?? {};
  if (typeof spec !== 'object' || Array.isArray(spec))
    throw invalid(what, [{ path: '(top)', found: show(spec), allowed: 'the fields of a spec' }]);
  return withAbsolutePaths(spec, path === '-' ? process.cwd() : dirname(resolve(path)));
}

function readFile(path: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (error) {
    throw new NiwaError('SPEC_INVALID', `cannot read the spec ${path}: ${messageOf(error)}`, { cause: error });
  }
}
