import { createRequire } from 'node:module';
import { constants } from 'node:os';
import type { NetworkStep } from '../plan/network.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import type { Adopted, AdoptRequest, Created, CreateRequest, Deadline, Handle, Started } from './containers.js';
import { errnoName, type FailedAt, KernelError } from './errors.js';
import type { ExecHandle, ExecRequest, Executed } from './execs.js';
import type { SeccompRule } from './host.js';
import type { Kernel, KernelEvent } from './kernel.js';
import type { LayerEntry, MadeEntry } from './layers.js';
import type { LogErrorEvent, LogRequest } from './logs.js';
import { ADDON, BOOT_PROGRAM } from './programs.js';
import type {
  CountedElement,
  ElementChange,
  HeldCounts,
  PortSockets,
  QueueAddress,
  QueueEvent,
  ServiceNumber,
} from './services.js';
import type { Peer } from './sockets.js';

/**
 * Makes a {@link Kernel} of the addon (native/addon). This is the only file that loads the addon, and it turns the
 * addon's errnos into errors.
 */

/** An errno; 0 for success. */
type Errno = number;
/** A descriptor or another number from 0 on; a negative number is -errno. */
type NumberOrErrno = number;

/** A failure at one of several steps. */
type Failure = Omit<FailedAt, 'text'> & { errno: Errno; text?: string };
type RawEvent = Exclude<KernelEvent, LogErrorEvent> | { type: 'log-error'; handle: Handle; errno: Errno };

type RawQueueEvent = { type: 'held' | 'ended'; service: ServiceNumber; errno: Errno };
type RawChanged = { errno: Errno; text: string; letGo: number };

/** The exports of the addon. */
interface Addon {
  columns: string[];
  loadHelper(path: string): Errno;
  watch(listener: (event: RawEvent) => void): Errno;
  create(request: CreateRequest): Promise<(Omit<Created, 'started'> & { started: Started | Failure | null }) | Failure>;
  adopt(request: AdoptRequest): Adopted | Errno;
  start(handle: Handle, lifetimeNs: bigint, deadline: Deadline): Promise<Started | Failure>;
  setDeadline(handle: Handle, deadline: Deadline): boolean;
  signal(handle: Handle, signal: number): NumberOrErrno;
  kill(handle: Handle): Errno;
  write(handle: Handle, file: string, value: string): Errno;
  freeze(handle: Handle, frozen: boolean, timeoutMs: number): Promise<Errno>;
  release(handle: Handle): void;
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
  drainLog(handle: Handle): Promise<Errno>;
  watchLog(handle: Handle): void;
  sample(handles: Uint32Array, rows: Float64Array): void;
  ioStat(handle: Handle): string;
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
  canFilterDevices(): boolean;
  compileSeccomp(defaultAction: number, rules: readonly SeccompRule[]): Uint8Array | Errno;
  limitOpenFiles(pid: number, soft: number, hard: number): Errno;
  holdDirectory(path: string): Errno;
  holdFile(path: string): Errno;
}

const addon = load();

function load(): Addon {
  try {
    return createRequire(import.meta.url)(ADDON) as Addon;
  } catch (error) {
    throw notBuilt(ADDON, messageOf(error), error);
  }
}

function notBuilt(path: string, reason: string, cause?: unknown): NiwaError {
  return new NiwaError('HOST_ERROR', `cannot load ${path}: ${reason}. Build it with \`npm run build\`.`, { cause });
}

/** @throws KernelError */
function requireDone(act: string, errno: Errno): void {
  if (errno !== 0) throw new KernelError(act, errnoName(errno));
}

/** Gives the number unless it is -errno. @throws KernelError */
function requireNumber(act: string, answer: NumberOrErrno): number {
  if (answer < 0) throw new KernelError(act, errnoName(-answer));
  return answer;
}

/** Gives the answer unless it is an errno. @throws KernelError */
function requireAnswer<T extends object>(act: string, answer: T | number): T {
  if (typeof answer === 'number') throw new KernelError(act, errnoName(Math.abs(answer)));
  return answer;
}

/** Gives the answer unless it is a failed step. @throws KernelError */
function requireSteps<T extends object>(act: string, answer: T | Failure): T {
  if (!('phase' in answer)) return answer;
  const { errno, text = '', phase, step, signal } = answer;
  throw new KernelError(act, errnoName(errno), { phase, step, signal, text });
}

function toCreated(answer: Awaited<ReturnType<Addon['create']>>): Created {
  const { pid, phases, started } = requireSteps('make a container', answer);
  if (started === null) return { pid, phases, started };
  const outcome = Promise.resolve(started).then(toStarted);
  outcome.catch(() => {}); // the reader of `started` gets this error
  return { pid, phases, started: outcome };
}

function toStarted(answer: Started | Failure): Started {
  return requireSteps('start a container', answer);
}

function toEvent(event: RawEvent): KernelEvent {
  if (event.type !== 'log-error') return event;
  return { ...event, errno: event.errno === 0 ? null : errnoName(event.errno) };
}

function toQueueEvent({ type, service, errno }: RawQueueEvent): QueueEvent {
  return type === 'held' ? { type, service } : { type, errno: errnoName(errno) };
}

/** Gives how many packets were let go. @throws KernelError */
function requireChanged(act: string, { errno, text, letGo }: RawChanged): number {
  if (errno !== 0) throw new KernelError(text === '' ? act : `${act} (${text})`, errnoName(errno));
  return letGo;
}

/** The errnos of a kill whose group has no process left, or is gone. */
const { ESRCH, ENOENT, ENODEV } = constants.errno;
const GONE: Errno[] = [ESRCH, ENOENT, ENODEV];

/** The kernel of this machine, by the addon. */
export const kernel: Kernel = {
  watch: (listener) =>
    requireDone(
      'make threads',
      addon.watch((event) => listener(toEvent(event))),
    ),
  containers: {
    loadBootProgram: () => {
      const errno = addon.loadHelper(BOOT_PROGRAM);
      if (errno !== 0) throw notBuilt(BOOT_PROGRAM, errnoName(errno));
    },
    create: (request) => addon.create(request).then(toCreated),
    adopt: (request) => requireAnswer(`take over container ${request.id} from ${request.cgroup}`, addon.adopt(request)),
    start: (handle, lifetimeNs, deadline) => addon.start(handle, lifetimeNs, deadline).then(toStarted),
    setDeadline: addon.setDeadline,
    signal: (handle, signal) => requireNumber('send a signal', addon.signal(handle, signal)),
    kill: (handle) => {
      const errno = addon.kill(handle);
      if (!GONE.includes(errno)) requireDone('kill a group', errno);
    },
    write: (handle, file, value) => requireDone(`write "${value}" to ${file}`, addon.write(handle, file, value)),
    freeze: (handle, frozen, timeoutMs) =>
      addon
        .freeze(handle, frozen, timeoutMs)
        .then((errno) => requireDone(`${frozen ? 'freeze' : 'thaw'} a group`, errno)),
    release: addon.release,
  },
  execs: {
    exec: (handle, request) =>
      addon.exec(handle, request).then((answer) => requireSteps('make a process in a container', answer)),
    ended: addon.execEnded,
    signal: (exec, signal) => void addon.execSignal(exec, signal),
    resize: (exec, rows, columns) => void addon.execResize(exec, rows, columns),
    hangUp: addon.execHangUp,
  },
  terminals: {
    open: (handle, fifo) => requireNumber('read a terminal', addon.openTerminal(handle, fifo)),
    finish: addon.finishTerminal,
    input: (handle) => requireNumber('make a pipe into a terminal', addon.terminalInput(handle)),
    resize: (handle, rows, columns) => void addon.resizeTerminal(handle, rows, columns),
  },
  logs: {
    open: (handle, request) => requireDone(`store output in ${request.directory}`, addon.openLog(handle, request)),
    drain: (handle) => addon.drainLog(handle).then(() => {}),
    watch: addon.watchLog,
  },
  readings: {
    columns: new Map(addon.columns.map((name, i) => [name, i])),
    sample: addon.sample,
    ioStat: addon.ioStat,
  },
  network: {
    configure: (handle, steps) =>
      addon.configureNetwork(handle, steps).then((failure) => {
        if (failure !== null) requireSteps(`change the network (${steps[failure.step]?.text})`, failure);
      }),
    forgetFlows: (owners) =>
      addon.forgetFlows(owners).then((errno) => requireDone('let connections be forgotten', errno)),
    watchTable: addon.watchTable,
    connectIn: (handle, port) =>
      addon.connectIn(handle, port).then((fd) => requireNumber(`connect to port ${port} in a container`, fd)),
  },
  services: {
    open: (listener) =>
      addon
        .openServices((event) => listener(toQueueEvent(event)))
        .then((number) => requireNumber('take a queue for packets', number)),
    close: () => addon.closeServices().then(() => {}),
    declare: addon.declareService,
    forget: addon.forgetService,
    change: (service, changes, holds) =>
      addon.changeService(service, changes, holds).then((changed) => requireChanged('change the rules', changed)),
    addQueueRule: (table, chain) =>
      addon.addQueueRule(table, chain).then((changed) => void requireChanged('use the target NFQUEUE', changed)),
    held: addon.heldByServices,
    counters: (table, sets) =>
      addon.elementCounters(table, sets).then((counted) => requireAnswer(`read counters of ${table}`, counted)),
    sockets: (handle, protocol, port) =>
      addon
        .portSockets(handle, protocol, port)
        .then((found) => requireAnswer(`look at port ${port} in a container`, found)),
  },
  layers: {
    begin: (layers) => addon.unpackBegin(layers).then((made) => requireAnswer('begin a layer', made)),
    make: (layers, entry, maxBytes) =>
      addon.unpackMake(layers, entry, maxBytes).then((made) => requireAnswer('make a file of a layer', made)),
    finish: (fd, entry) =>
      addon.unpackFinish(fd, entry).then((errno) => requireDone('finish a file of a layer', errno)),
    setTime: (root, entry) =>
      addon.unpackTime(root, entry).then((errno) => requireDone('set the time of a directory', errno)),
    sync: (fd) => addon.syncFileSystem(fd).then((errno) => requireDone('sync a file system', errno)),
    read: (layers, path, maxBytes) => requireAnswer(`read ${path}`, addon.readInLayers(layers, path, maxBytes)),
  },
  keeper: {
    connect: (socket) =>
      addon.keeperConnect(socket).then((kept) => requireAnswer(`connect to the keeper on ${socket}`, kept)),
    isAlive: addon.keeperAlive,
    drop: addon.keeperDrop,
    hold: (fd) => addon.keeperHold(fd ?? -1),
    held: () => {
      const fd = addon.keeperHeld();
      return fd < 0 ? null : fd;
    },
  },
  sockets: {
    listenAt: (path, backlog) => requireNumber(`listen on ${path}`, addon.listenAt(path, backlog)),
    admitGroup: (path, gid) => requireDone(`let group ${gid} use ${path}`, addon.admitGroup(path, gid)),
    peer: (fd) => requireAnswer('tell who is behind a connection', addon.peer(fd)),
    isHungUp: addon.hungUp,
    notify: (socket, text) => requireDone(`notify ${socket}`, addon.notify(socket, text)),
  },
  host: {
    boottimeNs: addon.boottimeNs,
    canIdmap: addon.canIdmap,
    canFilterDevices: addon.canFilterDevices,
    compileSeccomp: (defaultAction, rules) =>
      requireAnswer('compile a seccomp profile', addon.compileSeccomp(defaultAction, rules)),
    limitOpenFiles: (pid, soft, hard) =>
      requireDone(`limit the open files of process ${pid}`, addon.limitOpenFiles(pid, soft, hard)),
    holdDirectory: (path) => requireDone(`lock ${path}`, addon.holdDirectory(path)),
    holdFile: (path) => requireDone(`lock ${path}`, addon.holdFile(path)),
  },
};
