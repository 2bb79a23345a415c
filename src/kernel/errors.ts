import { constants } from 'node:os';
import { NiwaError } from '../protocol/errors.js';

const ERRNO_NAMES = new Map<number, string>();
for (const [name, number] of Object.entries(constants.errno))
  if (!ERRNO_NAMES.has(number)) ERRNO_NAMES.set(number, name); // several names may have the same number

/** The boot program gives this and the exit status of a hook in place of an errno, see native/boot/report.h. */
const HOOK_STATUS = 10_000;

/** Gives the name of an errno, such as `EPERM`; `errno 999` for an unknown number. */
export function errnoName(errno: number): string {
  if (errno >= HOOK_STATUS) return `exit status ${errno - HOOK_STATUS}`;
  return ERRNO_NAMES.get(errno) ?? `errno ${errno}`;
}

/**
 * The place where a sequence of steps failed. `step` counts from 0 within the phase; it is beyond all steps if the boot
 * program ended without naming a step. `signal` is the signal that killed the boot program, or 0. `text` is the
 * kernel's own message, or "".
 */
export interface FailedAt {
  phase: 'group' | 'devices' | 'userns' | 'image' | 'files' | 'clone' | 'boot' | 'network';
  step: number;
  signal: number;
  text: string;
}

/**
 * The only error of calls to the kernel's side. Its code is HOST_ERROR and it has a message of its own. A caller that
 * knows more about the cause catches it and throws a better error.
 */
export class KernelError extends NiwaError {
  /** The name of the errno, such as `EPERM`. */
  readonly errno: string;
  /** The failed step; null if the call consists of one step. */
  readonly at: FailedAt | null;

  /**
   * @param act the requested action as a phrase after "cannot": `freeze a group`
   * @param errno the name of the errno
   */
  constructor(act: string, errno: string, at: FailedAt | null = null) {
    super('HOST_ERROR', `cannot ${act}: ${reasonOf(errno, at)}`);
    this.errno = errno;
    this.at = at;
  }
}

/** Gives the errno's name, followed by the kernel's own message if there is one. */
export function reasonOf(errno: string, at: FailedAt | null): string {
  return at === null || at.text === '' ? errno : `${errno}, ${at.text}`;
}

/** Gives the errno of a KernelError; throws every other error again. */
export function errnoOf(error: unknown): string {
  if (error instanceof KernelError) return error.errno;
  throw error;
}

/** Errnos of a kernel that could do a thing, but not at this moment. */
const PASSING = ['EAGAIN', 'EINTR', 'EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'ETIMEDOUT'];

/** Whether the kernel may do at another moment what it has refused with this error. */
export function isPassing(error: unknown): boolean {
  return isKernelError(error, ...PASSING);
}

/** Whether an error is a KernelError; if errnos are given, also whether it has one of them. */
export function isKernelError(error: unknown, ...errnos: readonly string[]): error is KernelError {
  return error instanceof KernelError && (errnos.length === 0 || errnos.includes(error.errno));
}
