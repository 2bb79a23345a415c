import { resolve } from 'node:path';

/** What a spec file may name beside itself: each list is the path to a field, and `*` every entry of a list. */
const PATHS = [
  ['root', 'path'],
  ['root', 'file'],
  ['root', 'overlay', 'directory'],
  ['mounts', '*', 'source'],
];

/**
 * Makes the paths of a spec absolute that begin with `./` or `../`: those of the root and of the mounts' sources, which the
 * daemon takes only as absolute paths, since it has a working directory of its own. All else stays as it is, also what is no
 * spec: that is refused later, with its path.
 * @param spec what a spec file says
 * @param folder the folder that the paths start from, absolute
 * @returns a new spec
 */
export function withAbsolutePaths<T>(spec: T, folder: string): T {
  return PATHS.reduce<unknown>((value, path) => changed(value, path, folder), spec) as T;
}

function changed(value: unknown, [step, ...steps]: string[], folder: string): unknown {
  if (step === undefined) return typeof value === 'string' && /^\.\.?\//.test(value) ? resolve(folder, value) : value;
  if (step === '*') return Array.isArray(value) ? value.map((entry) => changed(entry, steps, folder)) : value;
  if (typeof value !== 'object' || value === null || !(step in value)) return value;
  return { ...value, [step]: changed((value as Record<string, unknown>)[step], steps, folder) };
}
