import type { DeviceRule } from '../plan/devices.js';
import type { KernelError } from './errors.js';

/**
 * The number of one container on the kernel's side, from before its making until {@link Containers.release}; 0 for
 * none.
 */
export type Handle = number;

let lastHandle = 0;

/**
 * Gives a new, unique handle. JavaScript chooses the handle before the container is made, so that it knows the handle
 * before the first event with it.
 */
export function newHandle(): Handle {
  return ++lastHandle;
}

/** When and how a container is ended by itself: `signal` at `atNs`, then cgroup.kill after `timeoutNs`. */
export interface Deadline {
  /** Nanoseconds of CLOCK_BOOTTIME; 0n for no deadline. */
  atNs: bigint;
  /** Any number; events about this deadline contain it. */
  cause: number;
  signal: number;
  timeoutNs: bigint;
}

/** How much output of a container is stored. */
export interface LogBounds {
  /** The limit for all files together, index included. */
  readonly maxBytes: number;
  readonly maxFiles: number;
  /**
   * How much output is taken each second on average; 0 for no limit. A container that writes faster waits in its
   * writes.
   */
  readonly bytesPerSecond: number;
}

/**
 * What the requests for containers of one spec have in common. It must not change after the first call with it: the
 * addon reads it once, however often it is given.
 */
export interface CreateTemplate {
  /** Files of the group and their values, written in this order before the process is made. */
  readonly writes: readonly (readonly [file: string, value: string])[];
  /** Files written after the boot program has reached its wait, before the workload runs. */
  readonly lateWrites: readonly (readonly [file: string, value: string])[];
  /** CLONE_NEW* flags. */
  readonly namespaces: number;
  /** The path of the PID namespace in which the process is made; "" for none. */
  readonly pidNamespace: string;
  /** Whether its mount namespace is held over its exit, see {@link Containers.end}. */
  readonly holdsMounts: boolean;
  /** The path of a squashfs or erofs file that is mounted read-only for the program's image operation; "" for none. */
  readonly image: string;
  /** The path of niwa-reach, which mounts the image. */
  readonly reach: string;
  /** The only devices that the group may use, -1 for any number; null for no device filter. */
  readonly devices: readonly DeviceRule[] | null;
  /** Whether standard input is a pipe, see {@link Containers.takeInput}. If not, it is /dev/null. */
  readonly stdin: boolean;
  /** The bounds of the log; null where the output is not stored. */
  readonly log: LogBounds | null;
}

export interface CreateRequest {
  template: CreateTemplate;
  handle: Handle;
  id: string;
  /** The path of the cgroup that is made. */
  cgroup: string;
  /** The maps of a new user namespace in the format of user_namespaces(7); "" for no user namespace. */
  uidMap: string;
  gidMap: string;
  /**
   * The host's uid that makes the user namespaces. This user has all capabilities in them, and the kernel counts their
   * resources to this user.
   */
  owner: number;
  /**
   * The maps of additional user namespaces, at most 17. The boot program gets them as the descriptors 6, 7 and so on.
   */
  mountMaps: readonly (readonly [uids: string, gids: string])[];
  /** The owner of the FIFOs on the host: the container's user, who may open them again. */
  stdioUid: number;
  stdioGid: number;
  /** The paths of the FIFOs to make for the output. The container itself keeps both ends open. */
  stdout: string;
  stderr: string;
  /** Files that are written before the process is made, for the boot program to mount them. */
  files: readonly (readonly [path: string, text: string])[];
  /** The directory of its log. It is made with the first output; a log in it is continued. */
  logDirectory: string;
  /**
   * The container whose network namespace the new container shares; 0 for none. If that container is released already,
   * the making fails with ESRCH.
   */
  networkOf: Handle;
  /** The result of encodeProgram(). */
  program: Uint8Array;
  /**
   * Starts the container as soon as it is made, the same as {@link Containers.start}; null if the container waits for
   * its start.
   */
  start: { lifetimeNs: bigint; deadline: Deadline } | null;
}

export interface Created {
  pid: number;
  /** The start time of the first process: field 22 of /proc/PID/stat. 0n where it could not be read. */
  startTicks: bigint;
  /** The duration of each part, in microseconds. */
  phases: Record<'queue' | 'group' | 'devices' | 'userns' | 'clone' | 'boot', number>;
  /**
   * The result of the start, the same as that of {@link Containers.start}; already settled. Null if the container waits
   * for its start.
   */
  started: Promise<Started> | null;
  /** Why its output cannot be stored; null where it is stored, or need not be. */
  logFailure: KernelError | null;
}

export interface Started {
  startedNs: bigint;
  deadlineNs: bigint;
  /** The duration of each part, in microseconds. */
  phases: Record<'startQueue' | 'exec', number>;
}

/**
 * The saved facts about a container of an earlier daemon. If the keeper has other values, the keeper's values count.
 */
export interface AdoptRequest {
  handle: Handle;
  id: string;
  cgroup: string;
  pid: number;
  /** Field 22 of /proc/PID/stat: the start time of the first process. */
  startTicks: bigint;
  /** CLOCK_BOOTTIME of the start; 0n before the start. */
  startedNs: bigint;
  deadline: Deadline;
  /** The same as in {@link CreateTemplate}. */
  holdsMounts: boolean;
  /** The paths of the FIFOs of its output; "" where it has none. */
  stdout: string;
  stderr: string;
}

export interface Adopted {
  pid: number;
  startedNs: bigint;
  deadlineNs: bigint;
  /** Whether a deadline has passed already, so that the container is being ended. */
  stopping: boolean;
  /** False if the container has ended while neither niwad nor the keeper watched it. */
  endKnown: boolean;
  /** Whether its group is frozen. */
  frozen: boolean;
}

/** A deadline has passed: the signal was sent, or the group was killed at once. */
export interface StoppingEvent {
  type: 'stopping';
  handle: Handle;
}

/** The last process of the group has ended. */
export interface ExitEvent {
  type: 'exit';
  handle: Handle;
  /** The time at which the first process ended, in nanoseconds of CLOCK_BOOTTIME. */
  atNs: bigint;
  /** The cause of the deadline that has passed; 0 for none. */
  cause: number;
  /** False if the kernel no longer knew the exit status: `code` and `signal` then mean nothing. */
  statusKnown: boolean;
  /** The exit status of the first process, or -1. */
  code: number;
  /** The signal that ended the first process; 0 for none. */
  signal: number;
  /** The last reading: one figure for each column of the readings. */
  row: Float64Array;
  /** The content of io.stat at the last reading. */
  ioStat: string;
}

/** What is left of a container that has ended, since the kernel did not let it go. */
export interface Left {
  group: boolean;
  files: boolean;
}

/** Makes, controls and ends containers. Times are nanoseconds of CLOCK_BOOTTIME. */
export interface Containers {
  /**
   * Reads the boot program of this build, which makes the containers; to be called once, before the first create().
   * @throws NiwaError HOST_ERROR
   */
  loadBootProgram(): void;
  /**
   * Makes the group and the process, up to the program's wait, and begins to store its output, until {@link end}; may
   * also start the container. If the start fails, an exit event follows.
   * @throws KernelError with the step at which the making failed; then neither group nor process is left
   */
  create(request: CreateRequest): Promise<Created>;
  /**
   * Opens on a worker thread what {@link adopt} needs of containers of an earlier daemon, running or ended. Nothing is
   * told of them before that call, and what fails here fails there. The keeper looks for their exits until all are
   * prepared. May wait for the keeper; to be called once at a time, before {@link Keeper.isAlive}.
   */
  prepareAdoptions(requests: readonly AdoptRequest[]): Promise<void>;
  /** Takes over a container that is prepared. @throws KernelError if the container's group is gone */
  adopt(request: Pick<AdoptRequest, 'handle' | 'id' | 'cgroup'>): Adopted;
  /**
   * Starts a created container. Its deadline is `lifetimeNs` after the start; if that is 0n, the deadline is
   * `deadline.atNs`.
   * @throws KernelError with the failed step; then the container ends, and an exit event follows
   */
  start(handle: Handle, lifetimeNs: bigint, deadline: Deadline): Promise<Started>;
  /** Moves or clears the deadline. Gives false if the container has ended or a deadline has passed already. */
  setDeadline(handle: Handle, deadline: Deadline): boolean;
  /**
   * Sends a signal to the first process. If that process is the init of a PID namespace and does not handle the signal,
   * the kernel drops the signal. niwa then does the signal's default action itself: it kills the group. Gives the
   * signal that was sent.
   * @throws KernelError ESRCH if the process has ended
   */
  signal(handle: Handle, signal: number): number;
  /** Kills every process of the group; does nothing if all have ended. @throws KernelError */
  kill(handle: Handle): void;
  /** Writes a file of the group. @throws KernelError with the kernel's errno */
  write(handle: Handle, file: string, value: string): void;
  /**
   * Freezes or thaws the group, and waits until the kernel has done this. @throws KernelError ETIMEDOUT if the kernel
   * takes too long
   */
  freeze(handle: Handle, frozen: boolean, timeoutMs: number): Promise<void>;
  /**
   * Gives the writing end of a container's standard input, which the caller has to close. Only the first caller gets
   * it: from then on nobody else holds it open, so the workload reads the end when it is closed or niwad dies.
   * @throws KernelError EPIPE if the container has no standard input, or it was taken before
   */
  takeInput(handle: Handle): number;
  /**
   * Ends a container after its exit: stores the rest of its output, without the rate limit, and closes its FIFOs. When
   * that is done, the final record is on disk (Records.append, Records.confirm) and the mount namespace is closed, a
   * native thread removes the group and the files, closes all descriptors of the container, and makes the keeper forget
   * it. If the disk of the logs refuses output, this end waits until it can be stored, and no other.
   * @param files the FIFOs and other files in their directory, which is removed, too, unless others are in it
   */
  end(handle: Handle, files: readonly string[]): Promise<Left>;
  /** Closes all descriptors of a container after its exit, for a program that writes no records. */
  release(handle: Handle): void;
}
