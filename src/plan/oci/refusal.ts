import { NiwaError } from '../../protocol/errors.js';

/** Makes the error for a field of a config that niwa does not honour: none is dropped without a word. */
export function refused(field: string, reason: string): NiwaError {
  return new NiwaError('SPEC_INVALID', `${field}: ${reason}`);
}
