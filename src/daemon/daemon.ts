import { accessSync, chmodSync, constants, mkdirSync, rmSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { type Allowed, NOTHING_ALLOWED, ROOT } from '../access/allowed.js';
import { Membership } from '../access/membership.js';
import { Ledger } from '../accounting/ledger.js';
import { Metrics } from '../accounting/metrics.js';
import { UsageSums } from '../accounting/sums/sums.js';
import { groupNumber } from '../api/peer.js';
import { makeApi } from '../api/server.js';
import { EventLog } from '../containers/events/event-log.js';
import { Runtime } from '../containers/runtime.js';
import { LastingStates } from '../engine/lasting-states.js';
import { startUsec } from '../engine/phases.js';
import { StateStore } from '../engine/state-store.js';
import { type CgroupTree, lookAtCgroupTree, makeCgroupTree, removeCgroupTree } from '../host/cgroup.js';
import { IdPool } from '../host/id-pool.js';
import { unlisten } from '../host/listening.js';
import { nameOfTree, OWN_GROUP, stepAside } from '../host/own-group.js';
import { readBootId } from '../host/process.js';
import { ImageStore } from '../images/store.js';
import { version } from '../installation/version.js';
import { kernel } from '../kernel/addon.js';
import { LogStore } from '../logs/store.js';
import { Networks } from '../network/networks.js';
import type { Pools } from '../pools/pools.js';
import type { Stocks } from '../pools/stocks.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import type { RuntimeEvent } from '../protocol/events.js';
import type { Services } from '../services/services.js';
import { resolveBounds } from '../spec/ceilings.js';
import { normaliseHooks } from '../spec/hooks.js';
import { VolumeStore } from '../volumes/store.js';
import { Collector } from './collector.js';
import type { Config } from './config.js';
import { idRangesOf } from './id-ranges.js';
import { chooseEndpoints, type HandedOver, listen, NO_SOCKETS, stopListening } from './listen.js';
import { listenBeside } from './listen-beside.js';
import { GROUP_LOCK_FILE, holdAlone, LOCK_FILE, requireFree } from './lock.js';
import { makePools } from './pools.js';
import { makeServices } from './services.js';
import { makeStores, openStores, type Stores } from './stores.js';

/** A running daemon. */
export interface Daemon {
  /** Stops the daemon. The containers go on; their number is given. */
  close(): Promise<number>;
  /**
   * Refuses new containers, and waits until all have ended. `report` is called with the number of those that are left.
   */
  drain(report: (remaining: number) => void): Promise<void>;
}

/** What the process gives to its daemon. */
export interface Surroundings {
  /** The listening sockets that a service manager has handed over. */
  sockets: HandedOver;
  /** Gives how many lines of the log were dropped so far. */
  droppedLines(): number;
}

/** The words for the log, if the end of the ledger was damaged: the end was cut off, or kept. */
const TORN = {
  cut: 'cut off a torn end of the ledger: it was never acknowledged',
  kept: 'damaged lines at the end of the ledger do not count: they stay in their segment, and the ledger goes on in the next one',
};

/**
 * Starts a daemon. When the promise resolves, the daemon listens on its socket.
 * @throws NiwaError HOST_UNSUPPORTED, HOST_ERROR, STATE_CONFLICT with the cure
 */
export async function startDaemon(
  config: Config,
  log: Logger,
  { sockets = NO_SOCKETS, droppedLines = () => 0 }: Partial<Surroundings> = {},
): Promise<Daemon> {
  const groups = { full: groupNumber(config.group), read: groupNumber(config.readGroup) };
  const cgroup = nameOfTree(config.cgroup);
  const paths = pathsOf(config);
  const { api: endpoint, oci } = chooseEndpoints({ api: config.socket, oci: paths.ociSocket }, sockets);
  holdDirectories(config, paths.stage);
  if (endpoint.fd === null) await requireFree(config.socket);
  kernel.containers.loadBootProgram();

  const tree = holdTree(cgroup, config.cgroup === OWN_GROUP);
  const [ledger, events] = await Promise.all([openLedger(paths.ledger, log), openEvents(paths, log)]);
  const imageStore = new ImageStore(paths.images);
  const volumeStore = new VolumeStore(paths.volumes);
  const networks = makeNetworks(config, paths, log);
  const allowed = allowedOf(config);
  const membership = new Membership(groups.full);
  const stored = { tree, paths, ledger, imageStore, volumeStore };
  const runtime = makeRuntime(config, { ...stored, events, networks, allowed, membership, log });
  const { stocks, pools } = makePools({ ...config, runtime, membership, log });
  const services = makeServices({ ...config, runtime, stocks, networks, imageStore, allowed, membership, log });
  const sums = new UsageSums(ledger, paths.usage);
  ledger.onBegun = () => void sums.prepare();
  const metrics = metricsOf(runtime, stocks, droppedLines);
  const collector = new Collector();
  runtime.subscribe(() => collector.wait());
  const stores = makeStores({ ...stored, limits: config.images, runtime, services, pools, allowed, log });

  const { sampleIntervalMs } = config;
  const parts = { runtime, services, pools, ...stores, sums, metrics };
  // made while the take-over waits for the keeper, for worker threads and for the kernel
  const made = makeApi({ ...parts, log, version, groups, limits: limitsOf(config), sampleIntervalMs });
  const [api] = await Promise.all([made, openAll(parts)]);
  await listen(api, endpoint, groups);
  stocks.open();
  const stopBeside = await listenBeside(config, oci, parts, log);
  log.info(
    { socket: endpoint.path, cgroup: tree.containers, controllers: tree.controllers.available, version },
    'listening',
  );

  return {
    drain: async (report) => {
      report(runtime.drain(ROOT).remaining);
      runtime.subscribe(({ type }) => type === 'exit' && report(runtime.drainStatus().remaining));
      await runtime.drained();
    },
    close: async () => {
      collector.stop();
      stopListening(api);
      stopBeside();
      await services.close();
      await stocks.close();
      const running = await runtime.close();
      await api.close();
      await Promise.all([ledger.close(), events.close()]);
      if (running > 0) return running; // the socket stays: the keeper holds it open for the next niwad
      unlisten(endpoint);
      await networks.close();
      removeTraces(tree, paths);
      return 0;
    },
  };
}

/** Takes over what an earlier niwad has left: containers first, since the others ask for them. */
async function openAll(parts: Stores & { runtime: Runtime; services: Services; pools: Pools }): Promise<void> {
  await parts.runtime.open();
  await openStores(parts, parts.runtime);
  await parts.services.open();
  await parts.pools.open();
}

function removeTraces(tree: CgroupTree, { keeperSocket, stage }: Paths): void {
  removeCgroupTree(tree);
  for (const path of [keeperSocket, stage]) rmSync(path, { recursive: true, force: true });
}

type Paths = ReturnType<typeof pathsOf>;

function makeNetworks({ network: settings }: Config, paths: ReturnType<typeof pathsOf>, log: Logger): Networks {
  return new Networks({ settings, markFile: paths.bridgeMark, groupsDirectory: paths.groups, log, kernel });
}

/**
 * Gives the paths of a daemon's files. The run directory has what a reboot may remove; the state directory has what
 * must stay.
 */
function pathsOf({ runDir, stateDir }: Config) {
  return {
    stage: join(runDir, 'stage'),
    containers: join(runDir, 'containers'),
    keeperSocket: join(runDir, 'keeper.sock'),
    ociSocket: join(runDir, 'oci.sock'),
    drainFile: join(runDir, 'draining'),
    bridgeMark: join(runDir, 'bridge'),
    groups: join(runDir, 'groups'),
    lastEvent: join(runDir, 'last-event'),
    ledger: join(stateDir, 'ledger'),
    usage: join(stateDir, 'usage'),
    events: join(stateDir, 'events'),
    logs: join(stateDir, 'logs'),
    images: join(stateDir, 'images'),
    volumes: join(stateDir, 'volumes'),
    restarts: join(stateDir, 'restarts'),
  };
}

/** Makes the directories of a daemon, and locks them until the process ends, so that no other daemon uses them. */
function holdDirectories({ runDir, stateDir }: Config, stage: string): void {
  makeDirectory(runDir, 0o755);
  makeDirectory(stateDir, 0o750);
  makeDirectory(stage, 0o700);
  holdAlone([runDir, stateDir].map((path) => ({ name: path, directory: path, lockFile: LOCK_FILE })));
}

/** Makes the groups of a daemon, and locks them until the process ends, so that no other daemon uses them. */
function holdTree(cgroup: string, delegated: boolean): CgroupTree {
  if (delegated) stepAside(lookAtCgroupTree(cgroup).base);
  const tree = makeCgroupTree(cgroup, { delegated });
  holdAlone([{ name: `cgroup ${cgroup}`, directory: tree.base, lockFile: GROUP_LOCK_FILE }]);
  return tree;
}

function openEvents({ events: directory, lastEvent: numberFile }: Paths, log: Logger): Promise<EventLog> {
  return EventLog.open({ directory, numberFile, bootId: readBootId(), log });
}

async function openLedger(directory: string, log: Logger): Promise<Ledger> {
  const ledger = await Ledger.open(directory, {
    kernel,
    onLost: (lost) =>
      log.error({ lost }, 'a segment of the ledger was moved, removed or changed while niwad wrote to it'),
  });
  if (ledger.torn !== null) log.warn({ torn: ledger.torn }, TORN[ledger.torn.kept ? 'kept' : 'cut']);
  return ledger;
}

interface Parts {
  tree: CgroupTree;
  paths: Paths;
  ledger: Ledger;
  imageStore: ImageStore;
  volumeStore: VolumeStore;
  events: EventLog;
  networks: Networks;
  allowed: Allowed;
  membership: Membership;
  log: Logger;
}

/** The limits on requests of callers other than root. */
function allowedOf({ allow, ceilings }: Config): Allowed {
  return {
    ...NOTHING_ALLOWED,
    ...allow,
    ceilings: resolveBounds(ceilings, totalmem()),
    idRanges: idRangesOf(allow.idRanges ?? {}),
  };
}

function makeRuntime(
  config: Config,
  { tree, paths, ledger, imageStore, volumeStore, events, networks, allowed, membership, log }: Parts,
): Runtime {
  const { sampleIntervalMs, interimIntervalMs, keepExited, idPool } = config;
  return new Runtime({
    tree,
    stage: paths.stage,
    states: new StateStore(paths.containers, new LastingStates(paths.restarts)),
    keeperSocket: paths.keeperSocket,
    drainFile: paths.drainFile,
    ledger,
    idPool: new IdPool(idPool.start, idPool.count),
    networks,
    logs: new LogStore(paths.containers, paths.logs, config.logs, log, kernel),
    images: imageStore,
    volumes: volumeStore,
    events,
    kernel,
    allowed,
    membership,
    defaults: resolveBounds(config.defaults, totalmem()),
    hooks: normaliseHooks(config.hooks),
    log,
    sampleIntervalMs,
    interimIntervalMs,
    keepExited,
  });
}

/** The limits on connections and requests. */
function limitsOf({ maxConnections: connections, connectionsPerUser, requestsPerSecond }: Config) {
  return { connections, connectionsPerUser, requestsPerSecond };
}

function metricsOf(runtime: Runtime, stocks: Stocks, droppedLines: () => number): Metrics {
  const metrics = new Metrics(droppedLines, version);
  metrics.addAhead(() => stocks.totals);
  runtime.subscribe((event) => count(event, metrics, runtime));
  return metrics;
}

function count(event: RuntimeEvent, metrics: Metrics, runtime: Runtime): void {
  metrics.services.hear(event);
  if (event.type === 'start') metrics.countStart(startUsec(runtime.get(event.id).phases));
  if (event.type === 'exit') metrics.countExit(event.exit.reason);
  if (event.type !== 'ready') return;
  const usec = runtime.get(event.id).ready?.took_usec;
  if (typeof usec === 'number') metrics.countReady(usec);
}

/**
 * Makes a directory. The mode is set in a second call, since the umask would remove bits that the socket's group needs.
 */
function makeDirectory(path: string, mode: number): void {
  try {
    if (mkdirSync(path, { recursive: true }) !== undefined) chmodSync(path, mode);
    accessSync(path, constants.W_OK);
  } catch (error) {
    throw new NiwaError('HOST_ERROR', `cannot use the directory ${path}: ${messageOf(error)}`, { cause: error });
  }
}
