import { wrong } from '../values.js';

/**
 * Puts fields of flags over the fields of a spec file. The content of a spec file is not checked here, but by niwad. A
 * value of a wrong type is left as it is, so that niwad refuses it.
 */

/** Puts the given fields over a base; undefined if there are neither fields nor base. */
export function merged<T extends object>(base: T | undefined, fields: object): T | undefined {
  if (!isMissing(base) && !isObject(base)) return base;
  const given = defined(fields);
  return isMissing(base) && Object.keys(given).length === 0 ? undefined : ({ ...base, ...given } as T);
}

/** Appends items to those of a base; undefined if there are neither items nor base. */
export function appended<T>(base: T[] | undefined, items: T[] = []): T[] | undefined {
  if (isMissing(base)) return items.length === 0 ? undefined : items;
  return Array.isArray(base) ? [...base, ...items] : base;
}

/** YAML gives null for a field without a value, so null counts as missing. */
function isMissing(value: unknown): value is undefined {
  return value === undefined || value === null;
}

export function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Gives an object without the fields that are undefined. */
export function defined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}

/**
 * Reads NAME=VALUE.
 * @param flag the name of the flag, for the error
 * @param values empty if the flag is not given
 * @throws NiwaError SPEC_INVALID
 */
export function pairs(flag: string, values: string[] = []): Record<string, string> {
  return Object.fromEntries(
    values.map((value) => {
      const equals = value.indexOf('=');
      return equals > 0 ? [value.slice(0, equals), value.slice(equals + 1)] : wrong(flag, value, 'NAME=VALUE');
    }),
  );
}
