import { messageOf, NiwaError } from '../protocol/errors.js';

/** Strings, which are left as they are, and numbers. */
const TOKENS = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const INTEGER = /^-?\d{16,}$/;
/** What JSON.parse alone would read otherwise: long numbers, null, and strings that imitate the mark. */
const NEEDS_CARE = /\d{16}|null|\\u0000/;
/** Stands before the digits of a large integer while JSON.parse reads it as a string. */
const MARK = '\u0000integer:';

/**
 * Parses JSON with exact integers: JSON.parse rounds those beyond 2^53, such as RLIM_INFINITY. These become bigints.
 * Members that are null are left out: engines write them for fields that they do not set. Pure.
 * @param what names the text in errors
 * @throws NiwaError SPEC_INVALID
 */
export function parseExact(what: string, text: string): unknown {
  const parsed = parse(what, text); // in a text that is no JSON, a search could begin again at each quotation mark
  return NEEDS_CARE.test(text) ? parseCarefully(what, text) : parsed;
}

function parse(what: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new NiwaError('SPEC_INVALID', `${what} is no JSON: ${messageOf(cause)}`, { cause });
  }
}

function parseCarefully(what: string, text: string): unknown {
  // JSON text has no NUL: in a string it is written \u0000. So no string begins with the mark, unless escaped
  const marked = text.replace(TOKENS, (token) => (INTEGER.test(token) ? JSON.stringify(MARK + token) : token));
  if (/"\\u0000integer:/i.test(text)) throw new NiwaError('SPEC_INVALID', `${what}: a string may not begin with NUL`);
  return JSON.parse(marked, (_, value: unknown) =>
    value === null ? undefined : isMarked(value) ? exact(value) : value,
  );
}

/** Writes a value that {@link parseExact} has given, with its large integers. Pure. */
export function writeExact(value: unknown): string {
  return plainJson(value) ?? writeMarked(value);
}

/** Writes a value that {@link parseExact} has given as JSON; undefined where it has large integers. Pure. */
export function plainJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    return undefined; // it refuses a bigint
  }
}

function writeMarked(value: unknown): string {
  const marked = JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? `${MARK}${each}` : each));
  return marked.replace(/"\\u0000integer:(-?\d+)"/g, '$1');
}

function isMarked(value: unknown): value is string {
  return typeof value === 'string' && value.startsWith(MARK);
}

function exact(marked: string): number | bigint {
  const integer = BigInt(marked.slice(MARK.length));
  const number = Number(integer);
  return Number.isSafeInteger(number) ? number : integer;
}
