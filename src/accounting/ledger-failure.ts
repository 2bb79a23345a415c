import { messageOf, NiwaError } from '../protocol/errors.js';

/** The sentence that names the cure, for each errno. */
const CURES: Record<string, string> = {
  ENOSPC: 'its file system is full: free some space',
  EDQUOT: 'the disk quota is used up: free some space, or raise it',
  EROFS: 'its file system is mounted read-only, perhaps after an error: see dmesg, and remount it',
  EIO: 'the disk fails: see dmesg',
  EEXIST: 'a file that is no part of the ledger is in the way: move it',
  ENOENT: 'the directory was taken away: put it back, or make the one above it',
};

/**
 * Makes the error for a ledger that cannot be used: HOST_ERROR, with the cause and the cure.
 * @param action what failed, such as "open"
 * @param error what node:fs has thrown
 */
export function failure(action: string, path: string, error: unknown): NiwaError {
  const { code = '' } = error as NodeJS.ErrnoException;
  const cure = CURES[code];
  const text = `cannot ${action} the ledger ${path}: ${messageOf(error)}${cure === undefined ? '' : `; ${cure}`}`;
  return new NiwaError('HOST_ERROR', text, { cause: error });
}
