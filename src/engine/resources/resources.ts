import type { Logger } from 'pino';
import type { IdPool } from '../../host/id-pool.js';
import type { Kernel } from '../../kernel/kernel.js';
import type { LogStore } from '../../logs/store.js';
import type { Networks } from '../../network/networks.js';
import { type CrashPoint, crashPoint } from '../../test-hooks/crash-point.js';
import type { Books } from '../books.js';
import type { StateFiles } from '../state-files.js';
import { group } from './group.js';
import { idRange } from './id-range.js';
import { lease } from './lease.js';
import { storedLog } from './log.js';
import { monitoring } from './monitoring.js';
import { output } from './output.js';
import { quota } from './quota.js';
import type { Draft, Holder, Resource } from './resource.js';
import { stateFile } from './state-file.js';
import { streams } from './streams.js';

/** One step of a walk over the resources, and where tests let niwad die after it. */
type Step = readonly [name: ResourceName, then?: CrashPoint];

/** What the plan of a new container depends on. */
export const BEFORE_PLAN: readonly Step[] = [['idRange'], ['quota'], ['lease']];
/** What its process depends on; the state file first, so that after a crash the next niwad knows of all the others. */
export const BEFORE_PROCESS: readonly Step[] = [['stateFile', 'making-saved'], ['storedLog']];
/** What begins as soon as its process is there. */
const WITH_PROCESS: readonly Step[] = [['output']];
/** What is given back of a container of which nothing was made: all of that, the last first. */
export const NEVER_MADE: readonly Step[] = [['storedLog'], ['stateFile'], ['lease'], ['quota'], ['idRange']];

/** What is taken over of a container that is still in the kernel. */
const ADOPTED: readonly Step[] = [['idRange'], ['lease'], ['output']];

/** What a container that has ended gives back before it is saved as exited: after a crash the next niwad does it again. */
export const BEFORE_EXITED: readonly Step[] = [['quota']];
/** What it gives back then. The group goes before the ids and the address, which nobody else may have while a process has them. */
export const AFTER_EXITED: readonly Step[] = [
  ['group', 'group-removed'],
  ['lease', 'disconnected'],
  ['monitoring'],
  ['streams'],
  ['idRange'],
  ['output'],
];
/** What is left of a container that had ended before this niwad; its ids and its address belong to nobody, or to others. */
export const OF_GONE: readonly Step[] = [['streams'], ['group']];
/** What is kept of a container until it is forgotten. */
const WHEN_FORGOTTEN: readonly Step[] = [['storedLog'], ['stateFile']];

export interface ResourcesOptions {
  idPool: IdPool;
  networks: Networks;
  logs: LogStore;
  stateFiles: StateFiles;
  books: Books;
  kernel: Pick<Kernel, 'containers' | 'terminals'>;
  log: Logger;
}

type ResourceName = keyof ReturnType<typeof allOf>;

/** What containers have of the host and of niwad: taken, taken over and given back in the orders above. */
export class Resources {
  readonly #all: Record<ResourceName, Resource>;

  constructor(options: ResourcesOptions) {
    this.#all = allOf(options);
  }

  /**
   * Takes some for a container that is to be made.
   * @throws what a resource throws; the caller then releases {@link NEVER_MADE}
   */
  async acquire(draft: Draft, steps: readonly Step[]): Promise<void> {
    for (const [name, then] of steps) {
      await this.#all[name].acquire?.(draft);
      if (then !== undefined) crashPoint(then);
    }
  }

  /** Takes what begins with the process of a container. */
  open(draft: Draft): void {
    for (const [name] of WITH_PROCESS) void this.#all[name].acquire?.(draft);
  }

  /** Takes over what a container of an earlier niwad has. */
  adopt(draft: Draft): void {
    for (const [name] of ADOPTED) this.#all[name].adopt?.(draft);
  }

  /** Removes all that was kept of a container. */
  forget(holder: Holder): void {
    for (const [name] of WHEN_FORGOTTEN) void this.#all[name].release?.(holder);
  }

  /** Gives back what a container has, in an order of its own. */
  async release(holder: Holder, steps: readonly Step[]): Promise<void> {
    for (const [name, then] of steps) {
      await this.#all[name].release?.(holder);
      if (then !== undefined) crashPoint(then);
    }
  }
}

function allOf({ idPool, networks, logs, stateFiles, books, kernel, log }: ResourcesOptions) {
  return {
    idRange: idRange(idPool),
    quota: quota(log),
    lease: lease(networks),
    stateFile: stateFile(stateFiles, networks, books),
    storedLog: storedLog(logs),
    output: output(logs, kernel),
    group: group(log),
    monitoring: monitoring(kernel),
    streams: streams(logs),
  } satisfies Record<string, Resource>;
}
