import type { Logger } from 'pino';
import type { Allowed } from '../access/allowed.js';
import type { Membership } from '../access/membership.js';
import type { Ledger } from '../accounting/ledger.js';
import type { StateStore } from '../engine/state-store.js';
import type { CgroupTree } from '../host/cgroup.js';
import type { IdPool } from '../host/id-pool.js';
import type { ImageStore } from '../images/store.js';
import type { Kernel } from '../kernel/kernel.js';
import type { LogStore } from '../logs/store.js';
import type { Networks } from '../network/networks.js';
import type { Hooks } from '../protocol/resolved-hooks.js';
import type { Bounds } from '../spec/ceilings.js';
import type { VolumeStore } from '../volumes/store.js';
import type { EventLog } from './events/event-log.js';

/** What the daemon gives to its containers. */
export interface RuntimeOptions {
  tree: CgroupTree;
  /** An empty directory on which the boot helper builds roots. */
  stage: string;
  states: StateStore;
  /** The path of the keeper's socket. */
  keeperSocket: string;
  /** This file exists while the node is drained. */
  drainFile: string;
  ledger: Ledger;
  idPool: IdPool;
  networks: Networks;
  logs: LogStore;
  images: ImageStore;
  volumes: VolumeStore;
  /** The events of containers, including those from earlier daemons. */
  events: EventLog;
  kernel: Kernel;
  /** The limits on requests of callers other than root. */
  allowed: Allowed;
  /** Who may act by niwad's `group`. */
  membership: Membership;
  /** The bounds of a container whose spec sets none. */
  defaults: Bounds;
  /** The hooks that apply to every container. */
  hooks: Hooks;
  log: Logger;
  sampleIntervalMs: number;
  /** The interval between two interim records of the use of a running container. */
  interimIntervalMs: number;
  /** How many exited containers are kept in the list; the containers that ended first are removed first. */
  keepExited: number;
}
