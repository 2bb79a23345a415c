import type { ReadyCheck } from '../protocol/resolved-hooks.js';
import type { SpecInput } from '../protocol/spec.js';
import { formatDuration, parseDuration } from '../protocol/units.js';

/** Writes the values of a resolved spec or service as their user could have written them. Pure. */

/** Writes microseconds in the form that people use; where that would round them, as seconds. */
export function writtenDuration(usec: number): string {
  const short = formatDuration(usec);
  return parseDuration(short) === usec ? short : `${usec / 1e6}s`;
}

/** Writes bytes in the largest unit that does not round them: `512M`; a number where they have none. */
export function writtenBytes(bytes: number): string | number {
  for (const [unit, size] of [
    ['T', 2 ** 40],
    ['G', 2 ** 30],
    ['M', 2 ** 20],
    ['K', 2 ** 10],
  ] as const)
    if (bytes > 0 && bytes % size === 0) return `${bytes / size}${unit}`;
  return bytes;
}

/** Writes the check of `ready` and of `live`. */
export function writtenCheck(check: ReadyCheck): Pick<NonNullable<SpecInput['ready']>, 'tcp' | 'http' | 'command'> {
  if (check.type === 'tcp') return { tcp: check.port };
  if (check.type === 'command') return { command: check.args };
  const { port, path, status } = check;
  return { http: { port, path, ...(status === null ? {} : { status }) } };
}

/** An object without the fields that are undefined. */
export type Given<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Leaves out the fields that are undefined. */
export function given<T extends object>(fields: T): Given<T> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as Given<T>;
}

/** Gives an object or a list; undefined where it is empty. */
export function notEmpty<T extends object>(value: T): T | undefined {
  return Object.keys(value).length > 0 ? value : undefined;
}

/** Gives a value; undefined where it is the default, which nobody has to write. */
export function unless<T>(usual: T, value: T): T | undefined {
  return value === usual ? undefined : value;
}
