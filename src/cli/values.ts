import { DURATION_WORDS, parseDuration } from '../protocol/units.js';
import { invalid, show } from '../spec/problems.js';

/**
 * Reads the values of options that a command needs itself. niwad reads the values of all other options, in the same
 * grammar (src/protocol/units.ts).
 */

/**
 * Reads a duration.
 * @param flag the name of the flag, for the error
 * @returns microseconds
 * @throws NiwaError SPEC_INVALID
 */
export function toDuration(flag: string, text: string): number {
  return parseDuration(text) ?? wrong(flag, text, DURATION_WORDS);
}

/**
 * Reads a whole number.
 * @param least the lowest allowed number
 * @param words other allowed values, for the error
 * @throws NiwaError SPEC_INVALID
 */
export function toCount(flag: string, text: string, least: number, words = ''): number {
  const count = /^[0-9]{1,15}$/.test(text) ? Number(text) : Number.NaN;
  return count >= least ? count : wrong(flag, text, `a whole number from ${least} on${words}`);
}

/** Reads a value that may be a number or a word such as `max`; niwad checks the word. */
export function numberOr(text: string | undefined): number | string | undefined {
  return text !== undefined && /^[0-9]+(\.[0-9]+)?$/.test(text) ? Number(text) : text;
}

/** Always throws. @throws NiwaError SPEC_INVALID */
export function wrong(flag: string, value: string, allowed: string): never {
  throw invalid('the command line', [{ path: flag, found: show(value), allowed }]);
}
