import { resolve } from 'node:path';

/**
 * The fields of a spec that may contain a path relative to the spec file. Each list is the path to a field; `*` means
 * every entry of a list.
 */
const PATHS = [
  ['root', 'path'],
  ['root', 'file'],
  ['root', 'overlay', 'directory'],
  ['mounts', '*', 'source'],
];

/**
 * Makes some paths of a spec absolute: the paths of the root and of the mounts' sources, if they begin with `./` or
 * `../`. The daemon accepts only absolute paths, because its working directory differs from the user's. All other
 * values stay the same; a value of a wrong type is refused later, with its place in the spec.
 * @param spec the content of a spec file
 * @param folder the absolute path of the folder that the relative paths start from
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
