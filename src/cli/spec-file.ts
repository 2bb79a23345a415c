import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { messageOf, NiwaError } from '../errors.js';
import type { SpecInput } from '../protocol/spec.js';
import { invalid, show } from '../spec/problems.js';
import { wordsOfContainer } from './command.js';
import { withAbsolutePaths } from './relative-paths.js';
import { type SpecOptions, toSpec } from './spec-options.js';

/**
 * Gives the spec that a command line asks for: its file, its flags on top, and the command of the container.
 * @throws NiwaError SPEC_INVALID
 */
export async function specOf(options: SpecOptions): Promise<SpecInput> {
  const base = options.file === undefined ? {} : await readSpecFile(options.file);
  return toSpec(options, wordsOfContainer, base);
}

/**
 * Reads YAML, of which JSON is a part. The parser is loaded only here: most commands need none. Paths in it are relative to
 * the file, those of standard input to the working directory.
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
