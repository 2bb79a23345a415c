import { accessSync, chmodSync, constants, mkdirSync, rmSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { NOTHING_ALLOWED, ROOT } from '../access/allowed.js';
import { Ledger } from '../accounting/ledger.js';
import { Metrics } from '../accounting/metrics.js';
import { UsageSums } from '../accounting/sums/sums.js';
import { groupNumber } from '../api/peer.js';
import { makeApi } from '../api/server.js';
import { Runtime } from '../containers/runtime.js';
import { StateFiles } from '../engine/state-files.js';
import { messageOf, NiwaError } from '../errors.js';
import { lookAtCgroupTree, makeCgroupTree, removeCgroupTree } from '../host/cgroup.js';
import { IdPool } from '../host/id-pool.js';
import { nameOfTree, OWN_GROUP, stepAside } from '../host/own-group.js';
import { Images } from '../images/images.js';
import { ImageStore } from '../images/store.js';
import { version } from '../installation/version.js';
import { kernel } from '../kernel/addon.js';
import { LogStore } from '../logs/store.js';
import { Networks } from '../network/networks.js';
import { resolveBounds } from '../spec/ceilings.js';
import { normaliseHooks } from '../spec/hooks.js';
import { Collector } from './collector.js';
import type { Config } from './config.js';
import { idRangesOf } from './id-ranges.js';
import { chooseEndpoint, listen, stopListening, unlisten } from './listen.js';
import { GROUP_LOCK_FILE, holdAlone, LOCK_FILE, requireFree } from './lock.js';

/** A daemon that listens. */
export interface Daemon {
  /** Stops, and leaves the containers running; gives how many go on. */
  close(): Promise<number>;
  /** Takes no new containers and waits until all have ended; `report` hears how many are left. */
  drain(report: (remaining: number) => void): Promise<void>;
}

/** What surrounds a daemon. */
export interface Surroundings {
  /** How many sockets a service manager has handed over to listen on. */
  listenFds: number;
  /** Gives how many lines of the log were dropped so far. */
  droppedLines(): number;
}

/** What became of an end of the ledger that is damaged. */
const TORN = {
  cut: 'cut off a torn end of the ledger: it was never acknowledged',
  kept: 'damaged lines at the end of the ledger do not count: they stay in their segment, and the ledger goes on in the next one',
};

/**
 * Starts a daemon: when this has resolved, it listens on its socket.
 * @throws NiwaError HOST_UNSUPPORTED, HOST_ERROR, STATE_CONFLICT with the cure
 */
export async function startDaemon(
  config: Config,
  log: Logger,
  { listenFds = 0, droppedLines = () => 0 }: Partial<Surroundings> = {},
): Promise<Daemon> {
  const endpoint = chooseEndpoint(config.socket, listenFds);
  const groups = { full: groupNumber(config.group), read: groupNumber(config.readGroup) };
  const cgroup = nameOfTree(config.cgroup);
  const delegated = config.cgroup === OWN_GROUP;
  const stage = join(config.runDir, 'stage');
  makeDirectory(config.runDir, 0o755);
  makeDirectory(config.stateDir, 0o750);
  makeDirectory(stage, 0o700);
  holdAlone([config.runDir, config.stateDir].map((path) => ({ name: path, directory: path, lockFile: LOCK_FILE })));
  if (endpoint.fd === null) await requireFree(config.socket);
  kernel.containers.loadBootProgram();

  if (delegated) stepAside(lookAtCgroupTree(cgroup).base);
  const tree = makeCgroupTree(cgroup, { delegated });
  holdAlone([{ name: `cgroup ${cgroup}`, directory: tree.base, lockFile: GROUP_LOCK_FILE }]);
  const ledger = await Ledger.open(join(config.stateDir, 'ledger'), {
    onLost: (lost) =>
      log.error({ lost }, 'a segment of the ledger was moved, removed or changed while niwad wrote to it'),
  });
  if (ledger.torn !== null) log.warn({ torn: ledger.torn }, TORN[ledger.torn.kept ? 'kept' : 'cut']);
  const { sampleIntervalMs, interimIntervalMs, keepExited } = config;
  const containersDir = join(config.runDir, 'containers');
  const stateFiles = new StateFiles(containersDir);
  const logs = new LogStore(containersDir, join(config.stateDir, 'logs'), config.logs, log, kernel);
  const imageStore = new ImageStore(join(config.stateDir, 'images'));
  const keeperSocket = join(config.runDir, 'keeper.sock');
  const drainFile = join(config.runDir, 'draining');
  const defaults = resolveBounds(config.defaults, totalmem());
  const ceilings = resolveBounds(config.ceilings, totalmem());
  const allowed = {
    ...NOTHING_ALLOWED,
    ...config.allow,
    ceilings,
    idRanges: idRangesOf(config.allow.idRanges ?? {}),
  };
  const { maxConnections: connections, connectionsPerUser, requestsPerSecond } = config;
  const limits = { connections, connectionsPerUser, requestsPerSecond };
  const idPool = new IdPool(config.idPool.start, config.idPool.count);
  const networks = new Networks({ settings: config.network, markFile: join(config.runDir, 'bridge'), log, kernel });
  const runtime = new Runtime({
    tree,
    stage,
    stateFiles,
    keeperSocket,
    drainFile,
    ledger,
    idPool,
    networks,
    logs,
    images: imageStore,
    allowed,
    defaults,
    hooks: normaliseHooks(config.hooks),
    log,
    sampleIntervalMs,
    interimIntervalMs,
    keepExited,
  });
  const sums = new UsageSums(ledger, join(config.stateDir, 'usage'));
  ledger.onBegun = () => void sums.prepare();
  const metrics = new Metrics(droppedLines);
  runtime.subscribe((event) => {
    if (event.type === 'start') metrics.countStart();
    if (event.type === 'ready') metrics.countReady(runtime.get(event.id).ready?.took_usec ?? 0);
    if (event.type === 'exit') metrics.countExit(event.exit.reason);
  });
  const collector = new Collector();
  runtime.subscribe(() => collector.wait());
  await runtime.open();
  const images = new Images(imageStore, config.images, () => runtime.layersInUse(), log);
  await images.open();
  runtime.subscribe(({ type }) => type === 'exit' && images.tidy());

  const api = await makeApi({ runtime, images, sums, metrics, log, version, groups, limits, sampleIntervalMs });
  await listen(api, endpoint, groups);
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
      const running = await runtime.close();
      await api.close();
      await ledger.close();
      if (running > 0) return running; // the keeper holds the socket for the next niwad
      unlisten(endpoint);
      await networks.close();
      removeCgroupTree(tree);
      for (const path of [keeperSocket, stage]) rmSync(path, { recursive: true, force: true });
      return 0;
    },
  };
}

/** The mode is set afterwards, since the umask would take away what the group needs to reach the socket. */
function makeDirectory(path: string, mode: number): void {
  try {
    if (mkdirSync(path, { recursive: true }) !== undefined) chmodSync(path, mode);
    accessSync(path, constants.W_OK);
  } catch (error) {
    throw new NiwaError('HOST_ERROR', `cannot use the directory ${path}: ${messageOf(error)}`, { cause: error });
  }
}
