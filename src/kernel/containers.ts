import type { DeviceRule } from '../plan/devices.js';

/** Names one container towards the kernel, from before its making to {@link Containers.release}; 0 is none. */
export type Handle = number;

let lastHandle = 0;

/** Gives a handle that nobody has had. It is chosen before the container is made, so that no event can come before its name is known. */
export function newHandle(): Handle {
  return ++lastHandle;
}

/** When a container is ended without being asked for again, and how: `signal`, then cgroup.kill after `timeoutNs`. */
export interface Deadline {
  /** Nanoseconds of CLOCK_BOOTTIME; 0n for never. */
  atNs: bigint;
  /** Any number; handed back in the events. */
  cause: number;
  signal: number;
  timeoutNs: bigint;
}

export interface CreateRequest {
  handle: Handle;
  id: string;
  /** The path of the cgroup to make. */
  cgroup: string;
  /** Files of the group and their values, written in this order before the process exists. */
  writes: [file: string, value: string][];
  /** Those to write after the boot program has come to its wait, before the workload runs. */
  lateWrites: [file: string, value: string][];
  /** All devices that the group may use, -1 for any number; null for no filter. */
  devices: readonly DeviceRule[] | null;
  /** The maps of a new user namespace as user_namespaces(7) has them, or "" for none. */
  uidMap: string;
  gidMap: string;
  /** The host's user that makes its user namespaces: with all capabilities in them, and what is used in them counts on it. */
  owner: number;
  /** The maps of more user namespaces, which become the descriptors 6, 7 and so on; at most 17. */
  mountMaps: [uids: string, gids: string][];
  /** The path of a squashfs or erofs file to mount read-only for the program's image operation, or "". */
  image: string;
  /** The path of niwa-reach, which mounts it. */
  reach: string;
  /** The paths of the FIFOs to make for its standard streams; the container itself keeps both ends open. */
  stdout: string;
  stderr: string;
  /** The host's owner of the FIFOs, who may open them anew. */
  stdioUid: number;
  stdioGid: number;
  /** CLONE_NEW* flags. */
  namespaces: number;
  /** The path of a PID namespace to be born in, or "". */
  pidNamespace: string;
  /** The container whose network namespace it shares, or 0; where that has been released the making fails with ESRCH. */
  networkOf: Handle;
  /** What encodeProgram() gave. */
  program: Uint8Array;
  /** Starts it as soon as it is made, as {@link Containers.start} would; null to let it wait. */
  start: { lifetimeNs: bigint; deadline: Deadline } | null;
}

export interface Created {
  pid: number;
  /** How long each part took, in microseconds. */
  phases: Record<'queue' | 'group' | 'devices' | 'userns' | 'clone' | 'boot', number>;
  /** What came of its start, as {@link Containers.start} gives it: it is settled; null where the container waits for its start. */
  started: Promise<Started> | null;
}

export interface Started {
  startedNs: bigint;
  deadlineNs: bigint;
  /** How long each part took, in microseconds. */
  phases: Record<'startQueue' | 'exec', number>;
}

/** What niwad's own record says of a container that an earlier daemon made; the keeper's word comes before it. */
export interface AdoptRequest {
  handle: Handle;
  id: string;
  cgroup: string;
  pid: number;
  /** Field 22 of /proc/PID/stat. */
  startTicks: bigint;
  /** 0n before the start. */
  startedNs: bigint;
  deadline: Deadline;
}

export interface Adopted {
  pid: number;
  startedNs: bigint;
  deadlineNs: bigint;
  /** Whether a deadline has passed already. */
  stopping: boolean;
  /** False where it has ended, and nobody saw when. */
  endKnown: boolean;
}

/** A deadline has passed: the signal was sent (or the group killed at once). */
export interface StoppingEvent {
  type: 'stopping';
  handle: Handle;
}

/** The last process of the group has gone. */
export interface ExitEvent {
  type: 'exit';
  handle: Handle;
  /** When its first process ended, in nanoseconds of CLOCK_BOOTTIME. */
  atNs: bigint;
  /** The cause of the deadline that has passed, 0 for none. */
  cause: number;
  /** False where the kernel could not tell any more how the process ended: `code` and `signal` then say nothing. */
  statusKnown: boolean;
  /** The exit status, or -1. */
  code: number;
  /** The signal that ended the first process, or 0. */
  signal: number;
  /** The last reading, a figure for each column of the readings. */
  row: Float64Array;
  /** The text of io.stat with the last reading. */
  ioStat: string;
}

/** Makes containers, acts on them, and ends them. Times are nanoseconds of CLOCK_BOOTTIME. */
export interface Containers {
  /** Reads the boot program of this build, from which containers start; to be called once, before the first. @throws NiwaError HOST_ERROR */
  loadBootProgram(): void;
  /**
   * Makes the group and the process, up to the program's wait, and may start it. Where the start fails, an exit event follows.
   * @throws KernelError with the step at which the making failed; then nothing is left
   */
  create(request: CreateRequest): Promise<Created>;
  /** Takes over a container of an earlier daemon, whether it runs or has ended. @throws KernelError where its group is gone */
  adopt(request: AdoptRequest): Adopted;
  /**
   * Lets a created container go on, and sets its deadline `lifetimeNs` after that (0n: to `deadline.atNs`).
   * @throws KernelError with the step; then the container ends, and an exit event follows
   */
  start(handle: Handle, lifetimeNs: bigint, deadline: Deadline): Promise<Started>;
  /** Moves or clears the deadline. Gives false where the container has ended or a deadline has passed already. */
  setDeadline(handle: Handle, deadline: Deadline): boolean;
  /**
   * Sends a signal to the first process. Where the kernel would drop it, since that is the init of a PID namespace and does
   * not handle it, its default action is taken: the group is killed. Gives the signal that was sent.
   * @throws KernelError ESRCH where it has ended
   */
  signal(handle: Handle, signal: number): number;
  /** Kills every process of the group; of one that has ended there is nothing to kill. @throws KernelError */
  kill(handle: Handle): void;
  /** Writes a file of the group. @throws KernelError with the kernel's refusal */
  write(handle: Handle, file: string, value: string): void;
  /** Freezes or thaws the group and waits until the kernel says so. @throws KernelError ETIMEDOUT where it does not */
  freeze(handle: Handle, frozen: boolean, timeoutMs: number): Promise<void>;
  /** Closes everything of a container after its exit, and lets the keeper forget it. */
  release(handle: Handle): void;
}
