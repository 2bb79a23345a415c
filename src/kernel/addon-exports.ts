import type { NetworkStep } from '../plan/network.js';
import type { Birthplace, Entrance, Frame } from './births.js';
import type { Adopted, AdoptRequest, CreateRequest, CreateTemplate, Deadline, Handle, Left } from './containers.js';
import type { FailedAt } from './errors.js';
import type { ExecHandle, ExecRequest, Executed } from './execs.js';
import type { SeccompRule } from './host.js';
import type { LayerEntry, MadeEntry } from './layers.js';
import type { LogRequest } from './logs.js';
import type { RecordFile } from './records.js';
import type { RelayCounts, RelayTarget } from './service-relay.js';
import type {
  CountedElement,
  ElementChange,
  HeldCounts,
  PortSockets,
  QueueAddress,
  ServiceNumber,
} from './services.js';
import type { Peer } from './sockets.js';

/** What the addon exports: the functions in native/addon/face. addon.ts makes a `Kernel` of them. */

/** An errno; 0 for success. */
export type Errno = number;
/** A descriptor or another number from 0 on; a negative number is -errno. */
export type NumberOrErrno = number;

/** A failure at one of several steps. */
export type Failure = Omit<FailedAt, 'text'> & { errno: Errno; text?: string };
/** An event as arguments: Node-API would look each field of an object up anew. */
export type RawEvent =
  | [type: 'stopping' | 'output', handle: Handle]
  | [type: 'log-error', handle: Handle, errno: Errno]
  | [
      type: 'exit',
      handle: Handle,
      atNs: bigint,
      cause: number,
      statusKnown: boolean,
      code: number,
      signal: number,
      row: Float64Array,
      ioStat: string,
    ];

/** The results of making and starting a container; lists, since fields with names take several times as long. */
export type RawCreated = [
  pid: number,
  startTicks: bigint,
  logErrno: Errno,
  started: RawStarted | Failure | null,
  queueUsec: number,
  groupUsec: number,
  devicesUsec: number,
  usernsUsec: number,
  cloneUsec: number,
  bootUsec: number,
];
export type RawStarted = [startedNs: bigint, deadlineNs: bigint, startQueueUsec: number, execUsec: number];

export type RawQueueEvent = { type: 'held' | 'ended'; service: ServiceNumber; errno: Errno };
export type RawChanged = { errno: Errno; text: string; letGo: number };

/** The answer to an append: the errno and whether all was written, else what the path names and its size. */
export type RawAppended = { errno: Errno; written: boolean; what: 'file' | 'changed' | 'gone'; size: number };

/** The exports of the addon. */
export interface Addon {
  columns: string[];
  loadHelper(path: string): Errno;
  watch(listener: (...event: RawEvent) => void): Errno;
  create(
    template: CreateTemplate,
    handle: Handle,
    id: string,
    cgroup: string,
    uidMap: string,
    gidMap: string,
    owner: number,
    mountMaps: CreateRequest['mountMaps'],
    stdioUid: number,
    stdioGid: number,
    stdout: string,
    stderr: string,
    files: CreateRequest['files'],
    logDirectory: string,
    networkOf: Handle,
    program: Uint8Array,
    start: CreateRequest['start'],
  ): Promise<RawCreated | Failure>;
  prepareAdoptions(requests: readonly AdoptRequest[]): Promise<void>;
  adopt(handle: Handle): Adopted | Errno;
  start(handle: Handle, lifetimeNs: bigint, deadline: Deadline): Promise<RawStarted | Failure>;
  startBorn(handle: Handle, lifetimeNs: bigint, deadline: Deadline): Promise<RawStarted | Failure>;
  setDeadline(handle: Handle, deadline: Deadline): boolean;
  signal(handle: Handle, signal: number): NumberOrErrno;
  kill(handle: Handle): Errno;
  write(handle: Handle, file: string, value: string): Errno;
  freeze(handle: Handle, frozen: boolean, timeoutMs: number): Promise<Errno>;
  takeInput(handle: Handle): NumberOrErrno;
  end(handle: Handle, files: readonly string[]): Promise<Left>;
  release(handle: Handle): void;
  openFrames(listening: number, listener: (frame: Frame) => void): Errno;
  sendFrame(connection: number, kind: number, body: Uint8Array, descriptors: readonly number[]): void;
  closeFrames(): void;
  prepareBirth(
    template: CreateTemplate,
    handle: Handle,
    id: string,
    cgroup: string,
    uidMap: string,
    gidMap: string,
    owner: number,
    mountMaps: CreateRequest['mountMaps'],
  ): Promise<Birthplace | Failure>;
  takeNetwork(): NumberOrErrno;
  takeBorn(
    handle: Handle,
    pidfd: number,
    control: number,
    lateWrites: CreateTemplate['lateWrites'],
    givesGroup: boolean,
  ): Promise<number | Failure>;
  undoBirth(handle: Handle): Promise<Errno>;
  hasEnded(handle: Handle): boolean;
  deliver(handle: Handle, signal: number): Errno;
  deliverAll(handle: Handle, signal: number): Promise<void>;
  enterBirth(handle: Handle, below: string): Entrance | Errno;
  processesOf(handle: Handle): Promise<number[]>;
  exec(handle: Handle, request: ExecRequest): Promise<Executed | Failure>;
  execEnded(exec: ExecHandle): Promise<{ code: number; signal: number }>;
  execSignal(exec: ExecHandle, signal: number): Errno;
  execResize(exec: ExecHandle, rows: number, columns: number): Errno;
  execHangUp(exec: ExecHandle): void;
  openTerminal(handle: Handle, fifo: string): NumberOrErrno;
  finishTerminal(copy: number): Promise<void>;
  terminalInput(handle: Handle): NumberOrErrno;
  resizeTerminal(handle: Handle, rows: number, columns: number): Errno;
  openLog(handle: Handle, request: LogRequest): Errno;
  watchLog(handle: Handle): void;
  appendRecords(file: RecordFile, bytes: Uint8Array, ended: readonly Handle[]): Promise<RawAppended>;
  confirmRecord(handle: Handle): void;
  sample(handles: Uint32Array, rows: Float64Array, idle?: Uint8Array): void;
  ioStat(handle: Handle): string;
  readFiles(directory: string, files: readonly string[], links: readonly string[]): (string | null)[] | null;
  configureNetwork(handle: Handle, steps: readonly NetworkStep[]): Promise<Failure | null>;
  forgetFlows(owners: { of: readonly string[]; but: readonly string[] }): Promise<Errno>;
  connectIn(handle: Handle, port: number): Promise<NumberOrErrno>;
  watchTable(family: number, table: string, lost: () => void): void;
  openServices(listener: (event: RawQueueEvent) => void): Promise<NumberOrErrno>;
  closeServices(): Promise<Errno>;
  declareService(service: ServiceNumber, addresses: readonly QueueAddress[], bound: number): void;
  forgetService(service: ServiceNumber): void;
  changeService(service: ServiceNumber, changes: readonly ElementChange[], holds: boolean): Promise<RawChanged>;
  addQueueRule(table: string, chain: string): Promise<RawChanged>;
  heldByServices(): Promise<HeldCounts[]>;
  elementCounters(table: string, sets: readonly string[]): Promise<CountedElement[] | Errno>;
  portSockets(handle: Handle, protocol: 'tcp' | 'udp', port: number): Promise<PortSockets | NumberOrErrno>;
  openServiceRelay(onHeld: (service: ServiceNumber) => void): Promise<NumberOrErrno>;
  closeServiceRelay(): Promise<void>;
  declareRelayed(service: ServiceNumber, addresses: readonly QueueAddress[], bound: number): void;
  forgetRelayed(service: ServiceNumber): void;
  changeRelayed(service: ServiceNumber, targets: readonly RelayTarget[], holds: boolean): Promise<NumberOrErrno>;
  countRelayed(): Promise<RelayCounts[]>;
  unpackBegin(layers: readonly number[]): Promise<MadeEntry | NumberOrErrno>;
  unpackMake(layers: readonly number[], entry: LayerEntry, maxBytes: number): Promise<MadeEntry | NumberOrErrno>;
  unpackFinish(fd: number, entry: LayerEntry): Promise<Errno>;
  unpackTime(root: number, entry: LayerEntry): Promise<Errno>;
  syncFileSystem(fd: number): Promise<Errno>;
  readInLayers(layers: readonly string[], path: string, maxBytes: number): Buffer | Errno;
  keeperConnect(socket: string): Promise<string[] | Errno>;
  keeperAlive(): boolean;
  keeperDrop(id: string): void;
  keeperHold(fd: number): void;
  keeperHeld(): number;
  listenAt(path: string, backlog: number): NumberOrErrno;
  admitGroup(path: string, gid: number): Errno;
  peer(fd: number): Peer | Errno;
  hungUp(fd: number): boolean;
  notify(socket: string, text: string): Errno;
  boottimeNs(): bigint;
  canIdmap(path: string): boolean;
  plainMount(path: string): number;
  plainIdentity(path: string): string;
  canFilterDevices(): boolean;
  groupOwner(path: string): string;
  knowsCall(name: string): boolean;
  compileSeccomp(defaultAction: number, rules: readonly SeccompRule[], narrow: boolean): Uint8Array | Errno;
  limitOpenFiles(pid: number, soft: number, hard: number): Errno;
  holdDirectory(path: string): Errno;
  holdFile(path: string): Errno;
}
