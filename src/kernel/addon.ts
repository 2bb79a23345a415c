import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { messageOf, NiwaError } from '../protocol/errors.js';
import type {
  Addon,
  Errno,
  Failure,
  NumberOrErrno,
  RawAppended,
  RawChanged,
  RawCreated,
  RawEvent,
  RawQueueEvent,
  RawStarted,
} from './addon-exports.js';
import type { Created, CreateRequest, Started } from './containers.js';
import { errnoName, KernelError } from './errors.js';
import type { Kernel, KernelEvent } from './kernel.js';
import { ADDON, BOOT_PROGRAM } from './programs.js';
import type { AppendFailure, Named } from './records.js';
import type { QueueEvent } from './services.js';

/**
 * Makes a {@link Kernel} of the addon (native/addon). This is the only file that loads the addon, and it turns the
 * addon's errnos into errors.
 */

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

async function create(request: CreateRequest): Promise<Created> {
  const { template, handle, id, cgroup, uidMap, gidMap, owner, mountMaps } = request;
  const { stdioUid, stdioGid, stdout, stderr, files, logDirectory, networkOf, program, start } = request;
  return toCreated(
    // biome-ignore format: the arguments of the addon, as addon-exports.ts lists them
    await addon.create(
      template, handle, id, cgroup, uidMap, gidMap, owner, mountMaps,
      stdioUid, stdioGid, stdout, stderr, files, logDirectory, networkOf, program, start,
    ),
    logDirectory,
  );
}

function toCreated(answer: RawCreated | Failure, logDirectory: string): Created {
  const created = requireSteps('make a container', answer);
  const [pid, startTicks, logErrno, start, queue, group, devices, userns, clone, boot] = created;
  const started = start === null ? null : Promise.resolve(start).then(toStarted);
  started?.catch(() => {}); // the reader of `started` gets this error
  const logFailure = logErrno === 0 ? null : new KernelError(storing(logDirectory), errnoName(logErrno));
  return { pid, startTicks, phases: { queue, group, devices, userns, clone, boot }, started, logFailure };
}

function storing(directory: string): string {
  return `store output in ${directory}`;
}

function toStarted(answer: RawStarted | Failure): Started {
  const [startedNs, deadlineNs, startQueue, exec] = requireSteps('start a container', answer);
  return { startedNs, deadlineNs, phases: { startQueue, exec } };
}

function toEvent(event: RawEvent): KernelEvent {
  if (event[0] === 'exit') {
    const [type, handle, atNs, cause, statusKnown, code, signal, row, ioStat] = event;
    return { type, handle, atNs, cause, statusKnown, code, signal, row, ioStat };
  }
  const [type, handle, errno] = event;
  return type === 'log-error' ? { type, handle, errno: errno === 0 ? null : errnoName(errno) } : { type, handle };
}

function toQueueEvent({ type, service, errno }: RawQueueEvent): QueueEvent {
  return type === 'held' ? { type, service } : { type, errno: errnoName(errno) };
}

function toAppended({ errno, written, what, size }: RawAppended): Named | AppendFailure {
  if (errno !== 0) return { code: errnoName(errno), written };
  return what === 'changed' ? { what, size } : { what };
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
      addon.watch((...event) => listener(toEvent(event))),
    ),
  containers: {
    loadBootProgram: () => {
      const errno = addon.loadHelper(BOOT_PROGRAM);
      if (errno !== 0) throw notBuilt(BOOT_PROGRAM, errnoName(errno));
    },
    create,
    prepareAdoptions: addon.prepareAdoptions,
    adopt: ({ handle, id, cgroup }) => requireAnswer(`take over container ${id} from ${cgroup}`, addon.adopt(handle)),
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
    takeInput: (handle) => requireNumber('take the standard input of a container', addon.takeInput(handle)),
    end: addon.end,
    release: addon.release,
  },
  births: {
    prepare: async ({ template, handle, id, cgroup, uidMap, gidMap, owner, mountMaps }) => {
      const place = await addon.prepareBirth(template, handle, id, cgroup, uidMap, gidMap, owner, mountMaps);
      return requireSteps('make the group of a container', place);
    },
    takeNetwork: addon.takeNetwork,
    take: (handle, pidfd, control, lateWrites, givesGroup) =>
      addon
        .takeBorn(handle, pidfd, control, lateWrites, givesGroup)
        .then((pid) => (typeof pid === 'number' ? pid : requireSteps<never>('take over a process', pid))),
    undo: (handle) => addon.undoBirth(handle).then(() => {}),
    start: (handle, lifetimeNs, deadline) => addon.startBorn(handle, lifetimeNs, deadline).then(toStarted),
    hasEnded: addon.hasEnded,
    deliver: (handle, signal) => requireDone('send a signal', addon.deliver(handle, signal)),
    deliverAll: addon.deliverAll,
    enter: (handle, below) => requireAnswer('enter a container', addon.enterBirth(handle, below)),
    processes: addon.processesOf,
  },
  frames: {
    open: (listening, listener) => requireDone('listen for niwa-oci', addon.openFrames(listening, listener)),
    send: addon.sendFrame,
    close: addon.closeFrames,
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
    open: (handle, request) => requireDone(storing(request.directory), addon.openLog(handle, request)),
    watch: addon.watchLog,
  },
  records: {
    append: (file, bytes, ended) => addon.appendRecords(file, bytes, ended).then(toAppended),
    confirm: addon.confirmRecord,
  },
  readings: {
    columns: new Map(addon.columns.map((name, i) => [name, i])),
    sample: addon.sample,
    ioStat: addon.ioStat,
    readFiles: (directory, files, links = []) => addon.readFiles(directory, files, links),
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
  serviceRelay: {
    open: (onHeld) =>
      addon.openServiceRelay(onHeld).then((port) => requireNumber('listen for connections to services', port)),
    close: () => addon.closeServiceRelay().then(() => {}),
    declare: addon.declareRelayed,
    forget: addon.forgetRelayed,
    change: (service, targets, holds) =>
      addon
        .changeRelayed(service, targets, holds)
        .then((letGo) => requireNumber('relay connections to a service', letGo)),
    counts: addon.countRelayed,
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
    plainMount: addon.plainMount,
    plainIdentity: addon.plainIdentity,
    canFilterDevices: addon.canFilterDevices,
    groupOwner: addon.groupOwner,
    knowsCall: addon.knowsCall,
    compileSeccomp: (defaultAction, rules, narrow) =>
      requireAnswer('compile a seccomp profile', addon.compileSeccomp(defaultAction, rules, narrow)),
    limitOpenFiles: (pid, soft, hard) =>
      requireDone(`limit the open files of process ${pid}`, addon.limitOpenFiles(pid, soft, hard)),
    holdDirectory: (path) => requireDone(`lock ${path}`, addon.holdDirectory(path)),
    holdFile: (path) => requireDone(`lock ${path}`, addon.holdFile(path)),
  },
};
