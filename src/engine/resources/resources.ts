import type { Logger } from 'pino';
import type { IdPool } from '../../host/id-pool.js';
import type { Kernel } from '../../kernel/kernel.js';
import type { LogStore } from '../../logs/store.js';
import { fileNames } from '../../network/files.js';
import type { Networks } from '../../network/networks.js';
import { type CrashPoint, crashPoint } from '../../test-hooks/crash-point.js';
import type { Books } from '../books.js';
import type { StateStore } from '../state-store.js';
import { goneGroup, group } from './group.js';
import { engineGroups } from './groups-above.js';
import { idRange } from './id-range.js';
import { lease } from './lease.js';
import { storedLog } from './log.js';
import { output } from './output.js';
import { quota } from './quota.js';
import type { Draft, Holder, Resource } from './resource.js';
import { savedState } from './saved-state.js';
import { scope } from './scope.js';
import { streams } from './streams.js';

/** One step of a walk over the resources: the resource, and the crash point after it where tests end niwad. */
type Step = readonly [name: ResourceName, then?: CrashPoint];

/** Acquired before the plan of a new container, because the plan contains them. */
export const BEFORE_PLAN: readonly Step[] = [['idRange'], ['quota'], ['lease']];
/**
 * Acquired before the process of a new container. The saved state comes first, so that after a crash the next niwad
 * knows of all the others.
 */
export const BEFORE_PROCESS: readonly Step[] = [
  ['savedState', 'making-saved'],
  ['scope'],
  ['groupPlace'],
  ['groupsAbove'],
  ['storedLog'],
];
/** Acquired as soon as the process exists. */
const WITH_PROCESS: readonly Step[] = [['output']];

/** Taken over when a container of an earlier niwad is still in the kernel. */
const ADOPTED: readonly Step[] = [['idRange'], ['lease'], ['savedState'], ['output']];

/**
 * Released when a container has ended, before it is saved as exited: after a crash the next niwad releases them again.
 */
export const BEFORE_EXITED: readonly Step[] = [['quota']];
/**
 * Released after that. The group has gone before the ids and the address: no other container may get them while a
 * process still has them.
 */
export const AFTER_EXITED: readonly Step[] = [
  ['lease', 'disconnected'],
  ['idRange'],
  ['output'],
  ['scope'],
  ['groupPlace'],
];
/**
 * Released for a container that had ended before this niwad began. Its ids and its address are not released, because
 * another container may have them.
 */
export const OF_GONE: readonly Step[] = [['streams'], ['goneGroup'], ['scope']];
/** Released when the container is forgotten. */
const WHEN_FORGOTTEN: readonly Step[] = [['storedLog'], ['groupsAbove'], ['savedState']];

export interface ResourcesOptions {
  idPool: IdPool;
  networks: Networks;
  logs: LogStore;
  states: StateStore;
  books: Books;
  kernel: Pick<Kernel, 'containers' | 'terminals' | 'host'>;
  log: Logger;
}

/** What is left to release where the kernel let everything go. */
const NOTHING: readonly Step[] = [];

type ResourceName = keyof ReturnType<typeof allOf>;

/** All resources of containers, acquired, taken over and released in the orders above. */
export class Resources {
  readonly #options: Pick<ResourcesOptions, 'kernel' | 'logs' | 'states'>;
  readonly #all: Record<ResourceName, Resource>;

  constructor(options: ResourcesOptions) {
    this.#options = options;
    this.#all = allOf(options);
  }

  /**
   * Acquires resources for a container that is being made.
   * @throws the errors of the resources; the caller then calls {@link undo}
   */
  async acquire(draft: Draft, steps: readonly Step[]): Promise<void> {
    for (const [name, then] of steps) {
      await this.#begin(name, draft);
      if (then !== undefined) crashPoint(then);
    }
  }

  /** Acquires the resources that begin with the container's process. */
  open(draft: Draft): void {
    for (const [name] of WITH_PROCESS) void this.#begin(name, draft);
  }

  #begin(name: ResourceName, draft: Draft): Promise<void> | void {
    const resource = this.#all[name];
    draft.begun.push(resource);
    return resource.acquire?.(draft);
  }

  /**
   * Releases what a container that could not be made has begun to acquire, the last first. What it had not come to may
   * belong to an earlier container, as the limit of a directory does.
   */
  async undo(draft: Draft): Promise<void> {
    for (const resource of draft.begun.splice(0).reverse()) await resource.release?.(draft);
  }

  /** Takes over the resources of a container of an earlier niwad. */
  adopt(draft: Draft): void {
    for (const [name] of ADOPTED) this.#all[name].adopt?.(draft);
  }

  /** Removes everything that is stored of a container. */
  forget(holder: Holder): void {
    for (const [name] of WHEN_FORGOTTEN) void this.#all[name].release?.(holder);
  }

  /**
   * Ends a container on the kernel's side: its output is stored, and once its final record is on disk, a native thread
   * removes its group, its FIFOs and the files of its /etc, and monitor and keeper forget it.
   * @returns the steps that release what the kernel did not let go at once
   */
  async end({ id, spec, handle, output: opened }: Holder): Promise<readonly Step[]> {
    const { kernel, logs, states } = this.#options;
    if (opened !== null && opened.terminal !== null) await kernel.terminals.finish(opened.terminal);
    const { stdout, stderr } = logs.fifosOf(id);
    // members of a group of the network write the hosts file of each other
    const directory = states.directoryOf(id);
    const others = spec.network === null ? fileNames(spec).map((name) => `${directory}/${name}`) : [];
    const left = await kernel.containers.end(handle, [stdout, stderr, ...others]);
    if (!left.group && !left.files) return NOTHING;
    return [...(left.group ? ([['group']] as const) : []), ...(left.files ? ([['streams']] as const) : [])];
  }

  /** Releases resources of a container in the given order. */
  async release(holder: Holder, steps: readonly Step[]): Promise<void> {
    for (const [name, then] of steps) {
      const releasing = this.#all[name].release?.(holder);
      if (releasing !== undefined) await releasing; // most of them release at once
      if (then !== undefined) crashPoint(then);
    }
  }
}

function allOf({ idPool, networks, logs, states, books, kernel, log }: ResourcesOptions) {
  return {
    idRange: idRange(idPool),
    quota: quota(log),
    lease: lease(networks),
    savedState: savedState(states, networks, books),
    storedLog: storedLog(logs),
    output: output(logs, kernel),
    group: group(log, kernel),
    goneGroup: goneGroup(log, kernel),
    ...engineGroups(kernel),
    scope: scope(),
    streams: streams(logs),
  } satisfies Record<string, Resource>;
}
