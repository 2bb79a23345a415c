import { NiwaError } from '../protocol/errors.js';

/**
 * Limits of requests. A body is parsed and checked on the event loop, and a larger body takes longer. Within these
 * limits it takes a few milliseconds.
 */

/** The most bytes of a body. It is checked before any part of the body is parsed. */
export const MAX_BODY_BYTES = 256 * 1024;
/** The most bytes of a body in YAML, which takes some ten times as long to parse as JSON. */
export const MAX_YAML_BYTES = 64 * 1024;
export const MAX_YAML_TOKENS = 2000;
/** The most levels of a body. A spec has six levels. */
export const MAX_NESTING = 100;
/** The most values in a body: its lists, objects, names of fields, strings and numbers, all counted together. */
const MAX_VALUES = 12_000;

/**
 * The most bytes of all labels of a container, with their names: the labels are in each usage record of the container.
 */
export const MAX_LABEL_BYTES = 16 * 1024;
/** The most bytes of all arguments, also of arguments that come from an image. */
export const MAX_ARGS_BYTES = MAX_BODY_BYTES;
/** The most bytes of a whole environment, with the names of the variables. */
export const MAX_ENV_BYTES = 128 * 1024;

/**
 * Refuses JSON that is nested too deeply or has too many values, before it is parsed.
 * @param text any text; it need not be valid JSON
 * @param what names the text in the message: "the body"
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

/**
 * Gives the index at which a string ends that begins with the quotation mark at `start`; the end of the text where it
 * does not end.
 */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"') return i;
  }
  return text.length;
}

/**
 * Refuses a value of YAML that is too large. A value may be much larger than its text, since an alias repeats another
 * part of the value.
 * @param what names the value in the message: "the body"
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

/** Makes the error for an input that is nested too deeply. */
export function tooDeep(what: string): NiwaError {
  return new NiwaError('SPEC_INVALID', `${what} is nested deeper than ${MAX_NESTING} levels`);
}

/** Makes the error for an input that is too large. @param most how much it may have */
export function tooLarge(what: string, most: string): NiwaError {
  return new NiwaError('SPEC_INVALID', `${what} is too large: it may have at most ${most}`);
}

/** Gives the number of bytes of all names and values in an object of strings. */
export function bytesOf(object: Record<string, string>): number {
  return Object.entries(object).reduce(
    (sum, [name, value]) => sum + Buffer.byteLength(name) + Buffer.byteLength(value),
    0,
  );
}
