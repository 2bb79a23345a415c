import { NiwaError } from '../protocol/errors.js';
import { BYTES_WORDS } from '../protocol/spec/values.js';
import { DURATION_WORDS, parseBytes, parseDuration } from '../protocol/units.js';
import { show } from './problems.js';

/** Turns durations and sizes that a schema has checked into numbers. Pure. */

/** Gives a duration in microseconds. @throws NiwaError SPEC_INVALID where the input is no duration */
export function durationUsec(input: number | string): number {
  const usec = parseDuration(input);
  if (usec === undefined) throw wrong('a duration', input, DURATION_WORDS);
  return usec;
}

/** Gives a size in bytes. @throws NiwaError SPEC_INVALID where the input is no size */
export function sizeBytes(input: number | string): number {
  const bytes = parseBytes(input);
  if (bytes === undefined) throw wrong('a size', input, BYTES_WORDS);
  return bytes;
}

function wrong(what: string, input: number | string, allowed: string): NiwaError {
  return new NiwaError('SPEC_INVALID', `${what}: found ${show(input)}; allowed: ${allowed}`);
}
