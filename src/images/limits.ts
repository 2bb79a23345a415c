import { NiwaError } from '../errors.js';

/** The most that an image may take. */
export interface ImageLimits {
  /** A bound for all its files together, for its tar, and for the tar of each layer; tars are counted decompressed. */
  maxBytes: number;
  /** Files, directories and links. */
  maxEntries: number;
}

/** What has been used of the limits, over all layers of an image. */
export interface Budget {
  bytes: number;
  entries: number;
}

/** Takes from a budget. @throws NiwaError IMAGE_INVALID where not so much is left */
export function spend(budget: Budget, bytes: number, entries = 1): void {
  budget.bytes -= bytes;
  budget.entries -= entries;
  if (budget.bytes < 0 || budget.entries < 0) throw tooLarge(budget.bytes < 0 ? 'maxBytes' : 'maxEntries');
}

/** An error for an image that is larger than a limit. */
export function tooLarge(limit: keyof ImageLimits): NiwaError {
  return new NiwaError('IMAGE_INVALID', `the image is larger than images.${limit} of niwad's configuration allows`);
}
