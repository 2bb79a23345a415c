/**
 * The codes of everything that niwa refuses or fails at. Scripts may depend on them: a code is never renamed.
 *
 * - `SPEC_INVALID`: the input is wrong; `details` lists each field.
 * - `HOST_UNSUPPORTED`: the input is right, but this host cannot enforce it.
 * - `IMAGE_INVALID`: what was to be imported is no image, is damaged, or is not for this machine.
 * - `NOT_FOUND`: no container has this id, no image this name.
 * - `ID_IN_USE`: a container with this id exists already.
 * - `ADDRESS_IN_USE`: an address, or a port of the host, that was asked for is taken.
 * - `STATE_CONFLICT`: the container's state does not allow this.
 * - `START_FAILED`: a step of making or starting the container failed; everything was undone.
 * - `HOOK_FAILED`: a hook failed whose failure is that of the start; everything was undone.
 * - `PATH_TIMEOUT`: a path of the host does not answer, since its file system hangs.
 * - `FORBIDDEN`: the peer on the socket may not act.
 * - `TOO_MANY_REQUESTS`: the peer asks more often than the operator allows.
 * - `DRAINING`: this node is being drained, and takes no new containers.
 * - `DAEMON_UNREACHABLE`: the client found no niwad on the socket, or one that is stopping and has done nothing.
 * - `HOST_ERROR`: a system call or a file of the host failed.
 * - `INTERNAL`: a defect of niwa.
 */
export type ErrorCode =
  | 'SPEC_INVALID'
  | 'HOST_UNSUPPORTED'
  | 'IMAGE_INVALID'
  | 'NOT_FOUND'
  | 'ID_IN_USE'
  | 'ADDRESS_IN_USE'
  | 'STATE_CONFLICT'
  | 'START_FAILED'
  | 'HOOK_FAILED'
  | 'PATH_TIMEOUT'
  | 'FORBIDDEN'
  | 'TOO_MANY_REQUESTS'
  | 'DRAINING'
  | 'DAEMON_UNREACHABLE'
  | 'HOST_ERROR'
  | 'INTERNAL';

/** One wrong field: where, what was found there, and what is allowed. */
export interface FieldProblem {
  path: string;
  found: string;
  allowed: string;
}

/** The step of a plan that failed: its number from 1, how many there are, its words, and the kernel's errno name. */
export interface FailedStep {
  number: number;
  total: number;
  operation: string;
  text: string;
  errno: string;
}

/** What an error carries beside its message, for programs. */
export interface ErrorDetails {
  problems?: FieldProblem[];
  step?: FailedStep;
}

/** The one error class of niwa: a stable code, a message that names cause and cure, and the cause it came from. */
export class NiwaError extends Error {
  override readonly name = 'NiwaError';
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  /**
   * @param code stable, see {@link ErrorCode}
   * @param message names the cause and the cure
   * @param options `details` for programs, `cause` the error behind this one
   */
  constructor(code: ErrorCode, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }
}

/** Gives the message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** What the host may have no more of, by the name of the errno, and what helps. */
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

/** Gives what helps where the host lacks something; undefined where this errno, by its name, says no such thing. */
export function cureOfShortage(errno: string): string | undefined {
  return SHORTAGES[errno];
}

/**
 * Makes the HOST_ERROR of what Node.js throws where a system call fails: such an error has an errno and the name of the call.
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
