import { chmodSync, chownSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { Ledger } from '../accounting/ledger.js';
import { Metrics } from '../accounting/metrics.js';
import { type Groups, groupNumber } from '../api/peer.js';
import { makeApi } from '../api/server.js';
import { Runtime } from '../container/runtime.js';
import { messageOf, NiwaError } from '../errors.js';
import { makeCgroupTree, removeCgroupTree, removeLeftovers } from '../host/cgroup.js';
import { IdPool } from '../host/id-pool.js';
import { LogStore } from '../logs/store.js';
import { loadBootHelper } from '../native.js';
import { version } from '../version.js';
import type { Config } from './config.js';
import { holdAlone } from './lock.js';

const SOCKET_MODE = 0o660;

/** A daemon that listens. */
export interface Daemon {
  /** Ends all containers, writes their records, and takes away everything that the daemon made but its state directory. */
  close(): Promise<void>;
}

/**
 * Starts a daemon: when this has resolved, it listens on its socket.
 * @throws NiwaError HOST_UNSUPPORTED, HOST_ERROR, STATE_CONFLICT with the cure
 */
export async function startDaemon(config: Config, log: Logger): Promise<Daemon> {
  const groups = { full: groupNumber(config.group), read: groupNumber(config.readGroup) };
  const stage = join(config.runDir, 'stage');
  makeDirectory(config.runDir, 0o755);
  makeDirectory(config.stateDir, 0o750);
  makeDirectory(stage, 0o700);
  await holdAlone([config.runDir, config.stateDir, config.socket, `cgroup ${config.cgroup}`]);
  loadBootHelper();

  const tree = makeCgroupTree(config.cgroup);
  const leftovers = await removeLeftovers(tree);
  if (leftovers.length > 0) log.warn({ leftovers }, 'ended containers that an earlier daemon left');
  const ledger = await Ledger.open(join(config.stateDir, 'ledger.ndjson'));
  const { sampleIntervalMs, keepExited } = config;
  const allowed = { roots: [], sources: [], privileged: false, ...config.allow };
  const limits = { connections: config.maxConnections, requestsPerSecond: config.requestsPerSecond };
  const idPool = new IdPool(config.idPool.start, config.idPool.count);
  const containersDir = join(config.runDir, 'containers');
  const logs = new LogStore(containersDir, join(config.stateDir, 'logs'), config.logs);
  logs.removeOthers(new Set());
  const runtime = new Runtime({ tree, stage, ledger, idPool, logs, allowed, log, sampleIntervalMs, keepExited });
  const metrics = new Metrics();
  runtime.subscribe(({ type, exit }) => {
    if (type === 'start') metrics.countStart();
    if (exit !== undefined) metrics.countExit(exit.reason);
  });

  const api = await makeApi({ runtime, metrics, log, version, groups, limits, sampleIntervalMs });
  if (existsSync(config.socket)) rmSync(config.socket); // its name is held by us alone: nobody listens on it
  await api.listen({ path: config.socket });
  openSocket(config.socket, groups);
  log.info(
    { socket: config.socket, cgroup: tree.containers, controllers: tree.controllers.available, version },
    'listening',
  );

  return {
    close: async () => {
      await runtime.close();
      await api.close();
      await ledger.close();
      removeCgroupTree(tree);
      for (const path of [config.socket, stage, containersDir]) rmSync(path, { recursive: true, force: true });
    },
  };
}

/**
 * One owner group is all that a file has: with two groups to let in, anybody may connect, and the peer's credentials alone
 * decide.
 */
function openSocket(path: string, { full, read }: Groups): void {
  chownSync(path, 0, full ?? read ?? 0);
  chmodSync(path, full !== null && read !== null ? 0o666 : SOCKET_MODE);
}

/** The mode is set afterwards, since the umask would take away what the group needs to reach the socket. */
function makeDirectory(path: string, mode: number): void {
  try {
    if (mkdirSync(path, { recursive: true }) !== undefined) chmodSync(path, mode);
  } catch (error) {
    throw new NiwaError('HOST_ERROR', `cannot make the directory ${path}: ${messageOf(error)}`, { cause: error });
  }
}
