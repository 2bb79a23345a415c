import { NiwaError } from '../protocol/errors.js';

/** How large one image may be. */
export interface ImageLimits {
  /** The most bytes of all its files together, of its tar, and of the tar of each layer. Tars count decompressed. */
  maxBytes: number;
  /** The most files, directories and links. */
  maxEntries: number;
}

/** What is left of the limits while the layers of one image are unpacked. */
export interface Budget {
  bytes: number;
  entries: number;
}

/** Takes bytes and entries from a budget. @throws NiwaError IMAGE_INVALID where the budget has not so many */
export function spend(budget: Budget, bytes: number, entries = 1): void {
  budget.bytes -= bytes;
  budget.entries -= entries;
  if (budget.bytes < 0 || budget.entries < 0) throw tooLarge(budget.bytes < 0 ? 'maxBytes' : 'maxEntries');
}

/** Makes the error for an image that is larger than a limit. */
export function tooLarge(limit: keyof ImageLimits): NiwaError {
  return new NiwaError('IMAGE_INVALID', `the image is larger than images.${limit} of niwad's configuration allows`);
}
