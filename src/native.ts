import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { join } from 'node:path';
import { messageOf, NiwaError } from './errors.js';
import type { NativeExec } from './native-exec.js';
import { PACKAGE_DIR } from './paths.js';
import type { DeviceRule } from './plan/devices.js';
import type { NetworkStep } from './plan/network.js';

/**
 * The typed face of the addon (native/addon/face), and the only file that touches it. Calls that block run on a worker
 * thread and give a promise; errors of the kernel are errno numbers, 0 for success. Times are nanoseconds of CLOCK_BOOTTIME.
 */

/** Names one container towards the addon, from its creation to {@link Native.release}. */
export type Handle = number;

/**
 * Where making or starting a container failed: `step` counts from 0 within the phase, and is beyond all steps where the
 * helper ended without naming one; `signal` killed the helper, or 0.
 */
export interface Failure {
  phase: 'group' | 'devices' | 'userns' | 'image' | 'clone' | 'boot' | 'network';
  step: number;
  errno: number;
  signal: number;
  /** The kernel's own words, with the phase `network`. */
  text?: string;
}

export interface CreateRequest {
  id: string;
  /** The path of the cgroup to make. */
  cgroup: string;
  /** Files of the group and their values, written in this order before the process exists. */
  writes: [file: string, value: string][];
  /** Those to make after the boot program has come to its wait, before the workload runs. */
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
  /** The container whose network namespace it shares, or 0. */
  networkOf: Handle;
  /** What encodeProgram() gave. */
  program: Uint8Array;
  /** Starts it as soon as it is made, as {@link Native.start} would; null to let it wait. */
  start: { lifetimeNs: bigint; deadline: Deadline } | null;
}

/** A system call, what happens to it (SECCOMP_RET_* with its data), and the arguments it is about. */
export interface SeccompRule {
  name: string;
  action: number;
  args: { index: number; op: string; value: bigint; valueTwo: bigint }[];
}

export interface Created {
  handle: Handle;
  pid: number;
  /** How long each part took, in microseconds. */
  phases: Record<'queue' | 'group' | 'devices' | 'userns' | 'clone' | 'boot', number>;
  /** What came of its start; null where it waits for it. */
  started: Started | Failure | null;
}

export interface Started {
  startedNs: bigint;
  deadlineNs: bigint;
  /** How long each part took, in microseconds. */
  phases: Record<'startQueue' | 'exec', number>;
}

/** Where the output of a container comes from, where it is stored, and how much of it. */
export interface LogRequest {
  /** The paths of the FIFOs. */
  stdout: string;
  stderr: string;
  /** A directory that is there; what it holds is gone on with. */
  directory: string;
  /** In all files together, index included. */
  maxBytes: number;
  maxFiles: number;
  /** 0 for no limit. */
  bytesPerSecond: number;
}

/** When the addon ends a container by itself, and how: `signal`, then cgroup.kill after `timeoutNs`. */
export interface Deadline {
  /** 0n for never. */
  atNs: bigint;
  /** Any number; handed back in the events. */
  cause: number;
  signal: number;
  timeoutNs: bigint;
}

/** What niwad's own record says of a container that an earlier daemon made; the keeper's word comes before it. */
export interface AdoptRequest {
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
  handle: Handle;
  pid: number;
  startedNs: bigint;
  deadlineNs: bigint;
  /** Whether a deadline has passed already. */
  stopping: boolean;
  /** False where it has ended, and nobody saw when. */
  endKnown: boolean;
}

interface EventBase {
  handle: Handle;
  atNs: bigint;
  /** The cause of the deadline that has passed, 0 for none. */
  cause: number;
  deadlineNs: bigint;
  /** When cgroup.kill followed, 0n if it did not. */
  killedNs: bigint;
}

/** A deadline has passed: the signal was sent (or the group killed at once). */
export interface StoppingEvent extends EventBase {
  type: 'stopping';
}

/** The last process of the group has gone. */
export interface ExitEvent extends EventBase {
  type: 'exit';
  /** False where the kernel could not tell any more how the process ended: `code` and `signal` then say nothing. */
  statusKnown: boolean;
  /** The exit status, or -1. */
  code: number;
  /** The signal that ended the first process, or 0. */
  signal: number;
  /** The last reading, a figure for each of `columns`. */
  row: Float64Array;
  /** The text of io.stat with the last reading. */
  ioStat: string;
}

/** Something was stored since {@link Native.watchLog}. */
export interface OutputEvent {
  type: 'output';
  handle: Handle;
}

/** The output of a container cannot be stored, and waits in its FIFOs; with `errno` 0, it can be stored again. */
export interface LogErrorEvent {
  type: 'log-error';
  handle: Handle;
  errno: number;
}

export type NativeEvent = StoppingEvent | ExitEvent | OutputEvent | LogErrorEvent;

export interface Peer {
  pid: number;
  uid: number;
  /** The primary group first, then the supplementary ones. */
  groups: number[];
}

/** A file of an image's layer, as it is to be made. Names are bytes: nothing says that they are UTF-8. */
export interface LayerEntry {
  kind: 'file' | 'directory' | 'symlink' | 'link' | 'fifo' | 'whiteout' | 'opaque';
  /** Relative to the layer's root, without "." and "..". */
  path: Buffer;
  /** Of a symlink, as it is; of a hard link, a path like `path`. */
  target: Buffer;
  mode: number;
  uid: number;
  gid: number;
  mtimeSec: number;
  mtimeNsec: number;
  /** Names and values. */
  xattrs: readonly (readonly [Buffer, Buffer])[];
}

/** What was made of an entry of a layer. */
export interface MadeEntry {
  /** Of a file: it wants its bytes and then `unpackFinish`, and the caller owns it; -1 for all others. */
  fd: number;
  /**
   * Directories with the times that they are to have in the end, and their paths without links: that of the entry, and those that
   * were missing on the way.
   */
  directories: Pick<LayerEntry, 'path' | 'mtimeSec' | 'mtimeNsec'>[];
  /** The bytes of a file of a layer below that was copied since a hard link is to it. */
  copiedBytes: number;
}

export interface Native extends NativeExec {
  /** The names of the figures of a reading, `"cpu.stat:usage_usec"` or `"memory.current"`, in their order. */
  readonly columns: string[];
  /** Copies the program niwa-boot into a sealed memfd, from which containers start. Gives the errno. */
  loadHelper(path: string): number;
  /**
   * Starts all threads of the addon; `listener` hears of each event on the JavaScript thread. Call it once. Gives the errno,
   * EAGAIN where no thread can be made.
   */
  watch(listener: (event: NativeEvent) => void): number;
  /**
   * Makes the group and the process, up to the program's wait, and may start it. Where the making fails nothing is left; where
   * the start does, the monitor tells its exit.
   */
  create(request: CreateRequest): Promise<Created | Failure>;
  /** Takes over a container of an earlier daemon, whether it runs or has ended. Gives the errno where its group is gone. */
  adopt(request: AdoptRequest): Adopted | number;
  /**
   * Lets a created container go on, and sets its deadline `lifetimeNs` after that (0n: to `deadline.atNs`).
   * On failure the container ends, and an exit event follows.
   */
  start(handle: Handle, lifetimeNs: bigint, deadline: Deadline): Promise<Started | Failure>;
  /** Moves or clears the deadline. Gives false where the container has ended or a deadline has passed already. */
  setDeadline(handle: Handle, deadline: Deadline): boolean;
  /**
   * Sends a signal to the first process. Where the kernel would drop it, since that is the init of a PID namespace and does
   * not handle it, its default action is taken: the group is killed. Gives the signal that was sent, or -errno.
   */
  signal(handle: Handle, signal: number): number;
  /** Kills every process of the group. */
  kill(handle: Handle): number;
  /** Writes a file of the group. */
  write(handle: Handle, file: string, value: string): number;
  /** Freezes or thaws the group and waits until the kernel says so; ETIMEDOUT where it does not. */
  freeze(handle: Handle, frozen: boolean, timeoutMs: number): Promise<number>;
  /** Reads the figures of many containers into `rows`, one row of `columns.length` each; NaN for what the host lacks. */
  sample(handles: Uint32Array, rows: Float64Array): void;
  /** Gives the text of io.stat, "" where the host has no io controller. */
  ioStat(handle: Handle): string;
  /** Stores what a container writes from now on, on a thread of its own, until {@link Native.drainLog}. Gives the errno. */
  openLog(handle: Handle, request: LogRequest): number;
  /**
   * Stores what is in the FIFOs of a container now, without the limit, and closes them; where it cannot be stored, waits until
   * it can. Gives 0, or ESRCH where no log is open.
   */
  drainLog(handle: Handle): Promise<number>;
  /** Asks for one `output` event as soon as something is stored from now on. */
  watchLog(handle: Handle): void;
  /**
   * Runs steps of the network, up to the first that fails and is not optional. Those inside are for the container behind the
   * handle, which is 0 where there are none. The step `count` gives it the figures `network:` of {@link Native.sample}, and keeps
   * its network namespace until {@link Native.release}.
   */
  configureNetwork(handle: Handle, steps: readonly NetworkStep[]): Promise<Failure | null>;
  /**
   * Lets the kernel forget the connections that somebody began or answers (nf_conntrack). Gives an errno, 0 for none; EINVAL where
   * the kernel has no ctnetlink, and cannot be told.
   * @param owners addresses and subnets, such as "10.0.0.5" or "10.0.0.0/16", and addresses that are not meant
   */
  forgetFlows(owners: { of: readonly string[]; but: readonly string[] }): Promise<number>;
  /** Closes everything of a container after its exit, and lets the keeper forget it. */
  release(handle: Handle): void;
  /**
   * Connects to the keeper and tells it of every container. Gives the ids of those that it keeps and nobody has adopted, or
   * the errno; ETIMEDOUT or EAGAIN where it did not answer and was killed.
   */
  keeperConnect(socket: string): Promise<string[] | number>;
  /**
   * Whether the keeper is there and keeps up; to be asked once a second. One that has not answered three times is killed, and so
   * is one that does not take what it is told.
   */
  keeperAlive(): boolean;
  /** Lets the keeper forget a container that it kept and nobody has adopted. */
  keeperDrop(id: string): void;
  /** Takes a directory for this process alone, until its end. Gives the errno, EAGAIN where another process has it. */
  holdDirectory(path: string): number;
  /** The same of a file, made with mode 0600 where it is not there; links are not followed. */
  holdFile(path: string): number;
  /** Lets owner, owning group and one more group use a file, and nobody else. Gives the errno, EOPNOTSUPP without ACLs. */
  admitGroup(path: string, gid: number): number;
  /** Makes a Unix stream socket that listens at a path where nothing is. Gives a descriptor that the caller owns, or -errno. */
  listenAt(path: string, backlog: number): number;
  /**
   * Lets the keeper hold a listening socket as long as it keeps containers, and 30 seconds after the end of niwad: whoever connects
   * meanwhile waits for the next one. With -1 it holds none any more.
   */
  keeperHold(fd: number): void;
  /** Gives the socket that the keeper held for the niwad before, a descriptor that the caller owns; -1 where there is none. */
  keeperHeld(): number;
  /** Gives who is behind a connected Unix socket, or the errno. */
  peer(fd: number): Peer | number;
  /** Whether the other end of a connected socket is closed, be it that there is more to read. */
  hungUp(fd: number): boolean;
  /** Sends a datagram to a Unix socket, a path or `@` and an abstract name, as sd_notify(3) does. Gives the errno. */
  notify(socket: string, text: string): number;
  /** Whether the kernel id-maps the file system of a path; true also where it cannot be asked. */
  canIdmap(path: string): boolean;
  /**
   * Bounds what `upper` and `work` in a directory may hold, by a project quota of their file system; with 0 bytes, takes the
   * bound away. Gives the errno, EOPNOTSUPP, ENOTTY, ENOSYS or ESRCH where it has none.
   */
  limitDirectory(directory: string, bytes: number): number;
  /** Whether the kernel takes device filters from us. */
  canFilterDevices(): boolean;
  /**
   * Connects to a TCP port of the loopback interface in a container's network namespace. Gives a descriptor that the caller
   * owns, or -errno.
   */
  connectIn(handle: Handle, port: number): Promise<number>;
  /** Compiles rules to instructions of 8 bytes each, or gives the errno. */
  compileSeccomp(defaultAction: number, rules: readonly SeccompRule[]): Uint8Array | number;
  /** Sets how many files a process may have open (RLIMIT_NOFILE). Gives the errno. */
  limitOpenFiles(pid: number, soft: number, hard: number): number;
  /** Now on CLOCK_BOOTTIME. */
  boottimeNs(): bigint;
  /**
   * Gives the empty root of a layer what the layer below has of its own. `layers` are open descriptors of its directory and of those
   * of the layers below it, topmost first. Gives what was made, or -errno.
   */
  unpackBegin(layers: readonly number[]): Promise<MadeEntry | number>;
  /**
   * Makes a file of a layer below the first directory of `layers`, as the others show the rest: nothing outside of the first is
   * touched, whatever the paths say. Gives what was made, or -errno: EFBIG where more than `maxBytes` would have to be copied.
   */
  unpackMake(layers: readonly number[], entry: LayerEntry, maxBytes: number): Promise<MadeEntry | number>;
  /** Sets owner, mode, extended attributes and time of an open file. Gives the errno. */
  unpackFinish(fd: number, entry: LayerEntry): Promise<number>;
  /** Sets the time of a directory once nothing more is made in it. Gives the errno. */
  unpackTime(root: number, entry: LayerEntry): Promise<number>;
  /** Writes the file system of a descriptor to its disk (syncfs). Gives the errno. */
  syncFileSystem(fd: number): Promise<number>;
  /**
   * Reads a file as an overlay of directories, topmost first, would show it; links lead nowhere outside. Gives the errno where it
   * cannot: ENOENT, EINVAL where it is no file, EFBIG for more than `maxBytes`, ELOOP for more than 2048 lookups, EXDEV where something is mounted on the way.
   */
  readInLayers(layers: readonly string[], path: string, maxBytes: number): Buffer | number;
}

/** Whether the answer of the addon is a failure. */
export function isFailure(result: object): result is Failure {
  return 'phase' in result;
}

/** Gives the name of an errno, such as `EPERM`. */
export function errnoName(errno: number): string {
  return Object.entries(constants.errno).find(([, number]) => number === errno)?.[0] ?? `errno ${errno}`;
}

/** Where the build puts niwa.node, niwa-boot, niwa-keeper and niwa-reach; NIWA_NATIVE_DIR names another build. */
export const nativeDirectory = process.env.NIWA_NATIVE_DIR ?? join(PACKAGE_DIR, 'build/Release');

function load(): Native {
  const path = join(nativeDirectory, 'niwa.node');
  try {
    return createRequire(import.meta.url)(path) as Native;
  } catch (error) {
    throw new NiwaError('HOST_ERROR', `cannot load ${path}: ${messageOf(error)}. Build it with \`npm run build\`.`, {
      cause: error,
    });
  }
}

/** The addon. */
export const native: Native = load();

/**
 * Loads the boot helper of this build; to be called once, before the first container.
 * @throws NiwaError HOST_ERROR
 */
export function loadBootHelper(): void {
  const path = join(nativeDirectory, 'niwa-boot');
  const errno = native.loadHelper(path);
  if (errno !== 0)
    throw new NiwaError('HOST_ERROR', `cannot load ${path}: ${errnoName(errno)}. Build it with \`npm run build\`.`);
}
