import { NiwaError } from '../errors.js';

/**
 * Bounds of requests. Parsing and checking a body takes time on the event loop, and more for a larger body: within these bounds
 * it takes a few milliseconds.
 */

/** What a body as a whole may have, before anything of it is looked at. */
export const MAX_BODY_BYTES = 256 * 1024;
/** YAML takes some ten times as long to parse as JSON. */
export const MAX_YAML_BYTES = 64 * 1024;
export const MAX_YAML_TOKENS = 2000;
/** A spec has six levels. */
export const MAX_NESTING = 100;
/** Lists, objects, names of fields, strings, numbers: all that a body consists of. */
const MAX_VALUES = 12_000;

/** The bytes of all labels of a container, names included: they are in each of its usage records. */
export const MAX_LABEL_BYTES = 16 * 1024;
/** The bytes of all arguments, also where they come from an image. */
export const MAX_ARGS_BYTES = MAX_BODY_BYTES;
/** The bytes of a whole environment, names included. */
export const MAX_ENV_BYTES = 128 * 1024;

/**
 * Refuses JSON that says too much, before it is parsed.
 * @param text also where it is no JSON at all
 * @param what the text is, for the message: "the body"
 * @throws NiwaError SPEC_INVALID
 */
export function requireBoundedJson(what: string, text: string): void {
  let [values, depth] = [1, 0];
  for (let i = 0; i < text.length; i++) {
    const mark = text[i];
    if (mark === '"') i = endOfString(text, i);
    else if (mark === '[' || mark === '{') [values, depth] = [values + 1, depth + 1];
    else if (mark === ']' || mark === '}') depth--;
    else if (mark === ',' || mark === ':') values++;
    if (depth > MAX_NESTING) throw tooDeep(what);
    if (values > MAX_VALUES) throw tooLarge(what, `${MAX_VALUES} values`);
  }
}

/** Gives where the string that begins at a quotation mark ends, or the end of the text. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"') return i;
  }
  return text.length;
}

/**
 * Refuses a value of YAML that is too large to be looked at: it may be much larger than its text, since an alias repeats what
 * it stands for.
 * @param what the value is, for the message: "the body"
 * @throws NiwaError SPEC_INVALID
 */
export function requireBounded(what: string, value: unknown): void {
  const waiting = [{ value, depth: 0 }];
  let [values, characters] = [1, 0];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const { value: part, depth } = next;
    if (typeof part === 'string') characters += part.length;
    if (characters > MAX_BODY_BYTES) throw tooLarge(what, `${MAX_BODY_BYTES} characters`);
    if (typeof part !== 'object' || part === null) continue;
    if (depth >= MAX_NESTING) throw tooDeep(what);
    const inner = Array.isArray(part) ? part : Object.entries(part).flat();
    values += inner.length;
    if (values > MAX_VALUES) throw tooLarge(what, `${MAX_VALUES} values`);
    for (const each of inner) waiting.push({ value: each, depth: depth + 1 });
  }
}

/** The error for what is nested too deeply. */
export function tooDeep(what: string): NiwaError {
  return new NiwaError('SPEC_INVALID', `${what} is nested deeper than ${MAX_NESTING} levels`);
}

/** The error for what has more than the `most` that it may have. */
export function tooLarge(what: string, most: string): NiwaError {
  return new NiwaError('SPEC_INVALID', `${what} is too large: it may have at most ${most}`);
}

/** The bytes of all names and values of an object of strings. */
export function bytesOf(object: Record<string, string>): number {
  return Object.entries(object).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value),
    0,
  );
}
