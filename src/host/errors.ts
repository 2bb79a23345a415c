import { NiwaError } from '../protocol/errors.js';

/** For each errno that means that the host has no more of something: what it has no more of, and the cure. */
const SHORTAGES: Record<string, string> = {
  ENOSPC: 'that file system has no room or no inodes left (df -h, df -i): free some',
  EDQUOT: 'a quota of that file system is used up: raise it, or free some room',
  EROFS: 'that file system is read-only: mount it for writing',
  EIO: 'that disk fails: the log of the kernel says more',
  EMFILE: 'niwad has as many open files as it may: raise LimitNOFILE of its unit (ulimit -n)',
  ENFILE: 'this host has as many open files as it may: raise fs.file-max',
  EAGAIN:
    'niwad has as many processes and threads as it may: raise TasksMax of its unit (pids.max of its group), or ulimit -u',
  ENOMEM: 'this host has no memory left for it',
};

/**
 * Gives the cure, if the errno of this name means that the host has no more of something; undefined for other errnos.
 */
export function cureOfShortage(errno: string): string | undefined {
  return SHORTAGES[errno];
}

/**
 * Makes a HOST_ERROR of the error of a failed system call: such an error of Node.js has an errno and the name of the
 * call.
 * @returns null for any other error
 */
export function toHostError(error: unknown): NiwaError | null {
  const { code, syscall } = (error ?? {}) as NodeJS.ErrnoException;
  if (!(error instanceof Error) || typeof code !== 'string' || syscall === undefined) return null;
  const cure = cureOfShortage(code);
  return new NiwaError('HOST_ERROR', `the host failed: ${error.message}${cure === undefined ? '' : `; ${cure}`}`, {
    cause: error,
  });
}
