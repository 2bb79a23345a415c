import { isDeepStrictEqual } from 'node:util';
import type { Change } from '../protocol/services.js';

/**
 * Gives the fields in which two values differ, as `apply --dry-run` shows them; lists are compared as a whole, and null
 * stands for what is not there. Pure.
 */
export function differences(from: unknown, to: unknown, path = ''): Change[] {
  if (isDeepStrictEqual(from, to)) return [];
  if (!isObject(from) || !isObject(to)) return [{ path, from: from ?? null, to: to ?? null }];
  const names = [...new Set([...Object.keys(from), ...Object.keys(to)])].sort();
  return names.flatMap((name) => differences(from[name], to[name], path === '' ? name : `${path}.${name}`));
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
