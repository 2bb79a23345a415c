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
 * @param read reads the spec file
 * @throws NiwaError SPEC_INVALID
 */
export async function specOf(options: SpecOptions, read = readSpecAlone): Promise<SpecInput> {
  const base = options.file === undefined ? {} : await read(options.file);
  return toSpec(options, wordsOfContainer, base);
}

/**
 * Reads a spec file, which is YAML or JSON (JSON is a part of YAML). The parser is loaded only here, because most
 * commands do not need it. Relative paths in the file start from the file's folder; in standard input, from the working
 * directory.
 */
export async function readSpecFile(path: string): Promise<Partial<SpecInput>> {
  const [{ parseYaml }, { inputOfShown }] = await Promise.all([
    import('../spec/yaml.js'),
    import('../spec/shown-spec.js'),
  ]);
  const what = `the spec ${path}`;
  const spec = parseYaml(readFile(path, what), what) ?? {};
  if (typeof spec !== 'object' || Array.isArray(spec))
    throw invalid(what, [{ path: '(top)', found: show(spec), allowed: 'the fields of a spec' }]);
  if ('spec' in spec && 'state' in spec)
    throw new NiwaError(
      'SPEC_INVALID',
      `the file ${path} has the status of a container, not a spec: niwa inspect --spec ID writes the spec alone`,
    );
  return withAbsolutePaths(inputOfShown(spec) as Partial<SpecInput>, folderOf(path));
}

/** Reads a spec file, and refuses a file with a service, all of whose fields would else be unknown. */
async function readSpecAlone(path: string): Promise<Partial<SpecInput>> {
  const spec: object = await readSpecFile(path);
  if ('service' in spec && 'template' in spec)
    throw new NiwaError('SPEC_INVALID', `the file ${path} has a service, not a spec: niwa service apply ${path}`);
  return spec;
}

/** Gives the folder from which the relative paths in a file start. */
export function folderOf(path: string): string {
  return path === '-' ? process.cwd() : dirname(resolve(path));
}

/** Reads a whole file, or standard input for `-`. @param what names the file in the error */
export function readFile(path: string, what: string): string {
  try {
    return readFileSync(path === '-' ? 0 : path, 'utf8');
  } catch (error) {
    throw new NiwaError('SPEC_INVALID', `cannot read ${what}: ${messageOf(error)}`, { cause: error });
  }
}
