import { NiwaError } from '../../protocol/errors.js';

/** Makes the error for a field of a config that niwa does not honour: none is dropped without a word. */
export function refused(field: string, reason: string): NiwaError {
  return new NiwaError('SPEC_INVALID', `${field}: ${reason}`);
}

/** The largest number that 64 bits hold. */
export const MAX_64_BITS = 2n ** 64n - 1n;

/** Checks a number from 0 on. @throws NiwaError SPEC_INVALID */
export function requireWithin(value: number | bigint | undefined, field: string, most: number | bigint): void {
  if (value === undefined || value < 0 || value > most) throw refused(field, `it has to be from 0 to ${most}`);
}
