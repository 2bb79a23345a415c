import { chmodSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { Ledger } from '../accounting/ledger.js';
import { Metrics } from '../accounting/metrics.js';
import { groupNumber } from '../api/peer.js';
import { makeApi } from '../api/server.js';
import { Runtime } from '../container/runtime.js';
import { messageOf, NiwaError } from '../errors.js';
import { lookAtCgroupTree, makeCgroupTree, removeCgroupTree, removeLeftovers } from '../host/cgroup.js';
import { IdPool } from '../host/id-pool.js';
import { nameOfTree, OWN_GROUP, stepAside } from '../host/own-group.js';
import { loadBootHelper } from '../native.js';
import { version } from '../version.js';
import type { Config } from './config.js';
import { chooseEndpoint, listen, unlisten } from './listen.js';
import { holdAlone } from './lock.js';

/** A daemon that listens. */
export interface Daemon {
  /** Ends all containers, writes their records, and takes away everything that the daemon made but its state directory. */
  close(): Promise<void>;
}

/**
 * Starts a daemon: when this has resolved, it listens on its socket.
 * @param listenFds how many sockets a service manager has handed over to listen on
 * @throws NiwaError HOST_UNSUPPORTED, HOST_ERROR, STATE_CONFLICT with the cure
 */
export async function startDaemon(config: Config, log: Logger, listenFds = 0): Promise<Daemon> {
  const endpoint = chooseEndpoint(config.socket, listenFds);
  const groups = { full: groupNumber(config.group), read: groupNumber(config.readGroup) };
  const cgroup = nameOfTree(config.cgroup);
  const delegated = config.cgroup === OWN_GROUP;
  const stage = join(config.runDir, 'stage');
  makeDirectory(config.runDir, 0o755);
  makeDirectory(config.stateDir, 0o750);
  makeDirectory(stage, 0o700);
  await holdAlone([config.runDir, config.stateDir, config.socket, `cgroup ${cgroup}`]);
  loadBootHelper();

  if (delegated) stepAside(lookAtCgroupTree(cgroup).base);
  const tree = makeCgroupTree(cgroup, { delegated });
  const leftovers = await removeLeftovers(tree);
  if (leftovers.length > 0) log.warn({ leftovers }, 'ended containers that an earlier daemon left');
  const ledger = await Ledger.open(join(config.stateDir, 'ledger.ndjson'));
  const { sampleIntervalMs, keepExited } = config;
  const allowed = { roots: [], sources: [], privileged: false, ...config.allow };
  const limits = { connections: config.maxConnections, requestsPerSecond: config.requestsPerSecond };
  const idPool = new IdPool(config.idPool.start, config.idPool.count);
  const runtime = new Runtime({ tree, stage, ledger, idPool, allowed, log, sampleIntervalMs, keepExited });
  const metrics = new Metrics();
  runtime.subscribe(({ type, exit }) => {
    if (type === 'start') metrics.countStart();
    if (exit !== undefined) metrics.countExit(exit.reason);
  });

  const api = await makeApi({ runtime, metrics, log, version, groups, limits, sampleIntervalMs });
  await listen(api, endpoint, groups);
  log.info(
    { socket: endpoint.path, cgroup: tree.containers, controllers: tree.controllers.available, version },
    'listening',
  );

  return {
    close: async () => {
      await runtime.close();
      await api.close();
      await ledger.close();
      removeCgroupTree(tree);
      unlisten(endpoint);
      rmSync(stage, { recursive: true, force: true });
    },
  };
}

/** The mode is set afterwards, since the umask would take away what the group needs to reach the socket. */
function makeDirectory(path: string, mode: number): void {
  try {
    if (mkdirSync(path, { recursive: true }) !== undefined) chmodSync(path, mode);
  } catch (error) {
    throw new NiwaError('HOST_ERROR', `cannot make the directory ${path}: ${messageOf(error)}`, { cause: error });
  }
}
