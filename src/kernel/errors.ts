import { constants } from 'node:os';
import { NiwaError } from '../errors.js';

const ERRNO_NAMES = new Map<number, string>();
for (const [name, number] of Object.entries(constants.errno))
  if (!ERRNO_NAMES.has(number)) ERRNO_NAMES.set(number, name); // two names can have one number

/** Gives the name of an errno, such as `EPERM`; `errno 999` for one that has no name. */
export function errnoName(errno: number): string {
  return ERRNO_NAMES.get(errno) ?? `errno ${errno}`;
}

/**
 * The step at which a sequence of steps failed: `step` counts from 0 within the phase, and is beyond all steps where the boot
 * program ended without naming one; `signal` killed the boot program, or is 0; `text` has the kernel's own words, or is "".
 */
export interface FailedAt {
  phase: 'group' | 'devices' | 'userns' | 'image' | 'clone' | 'boot' | 'network';
  step: number;
  signal: number;
  text: string;
}

/**
 * The one form in which a call of the kernel fails. It is a HOST_ERROR with a message of its own; a caller that knows more of the
 * cause catches it and throws a better one.
 */
export class KernelError extends NiwaError {
  /** The name of the errno, such as `EPERM`. */
  readonly errno: string;
  /** Null where the call is one step. */
  readonly at: FailedAt | null;

  /**
   * @param act what was asked for, as it stands after "cannot": `freeze a group`
   * @param errno its name
   */
  constructor(act: string, errno: string, at: FailedAt | null = null) {
    super('HOST_ERROR', `cannot ${act}: ${reasonOf(errno, at)}`);
    this.errno = errno;
    this.at = at;
  }
}

/** Gives the errno's name, and after it the kernel's own words where there are some. */
export function reasonOf(errno: string, at: FailedAt | null): string {
  return at === null || at.text === '' ? errno : `${errno}, ${at.text}`;
}

/** Gives the errno of a failure of the kernel; throws whatever else was thrown. */
export function errnoOf(error: unknown): string {
  if (error instanceof KernelError) return error.errno;
  throw error;
}

/** Whether something that was thrown is a failure of the kernel, with one of these errnos where some are named. */
export function isKernelError(error: unknown, ...errnos: readonly string[]): error is KernelError {
  return error instanceof KernelError && (errnos.length === 0 || errnos.includes(error.errno));
}
