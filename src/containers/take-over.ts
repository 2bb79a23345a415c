import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Ledger } from '../accounting/ledger.js';
import { type Adoptable, adopt, prepareAdoptions } from '../engine/adopt.js';
import type { Books } from '../engine/books.js';
import { Container } from '../engine/container.js';
import type { Planner } from '../engine/planner.js';
import { hasGroup } from '../engine/resources/group.js';
import { BEFORE_EXITED, OF_GONE, type Resources } from '../engine/resources/resources.js';
import type { Damaged, SavedState } from '../engine/saved-state-types.js';
import type { StateStore } from '../engine/state-store.js';
import { type CgroupTree, removeLeftovers } from '../host/cgroup.js';
import { oldestIn } from '../host/process.js';
import { isThere } from '../host/stored-file.js';
import { isKernelError } from '../kernel/errors.js';
import type { Kernel } from '../kernel/kernel.js';
import type { LogStore } from '../logs/store.js';
import type { Networks } from '../network/networks.js';
import type { Exit } from '../protocol/container.js';
import { messageOf } from '../protocol/errors.js';
import type { UsageRecord } from '../protocol/record.js';
import { withResolvers } from '../turns/with-resolvers.js';
import { connectKeeper } from './connect-keeper.js';
import type { ContainerHooks } from './container-hooks.js';
import type { Endings } from './endings.js';
import type { EventLog } from './events/event-log.js';
import { mend } from './mend.js';
import { endOldDump } from './operations/dump.js';
import { type Decision, decide } from './reconcile.js';
import type { Registry } from './registry.js';

const STRAY =
  'lines of the journal of states are damaged, or a segment of it cannot be read and is moved to the directory damaged; nobody knows of which containers: one that was just being made may be listed though nobody was told of it';

/** How many containers are prepared by one task of a worker thread. */
const AT_ONCE = 64;

/** A saved container, and what is done with it. */
type Decided = [saved: SavedState, decision: Decision];

export interface TakeOverOptions {
  registry: Registry;
  endings: Endings;
  containerHooks: ContainerHooks;
  books: Books;
  states: StateStore;
  logs: LogStore;
  ledger: Ledger;
  events: EventLog;
  resources: Resources;
  networks: Networks;
  tree: CgroupTree;
  kernel: Pick<Kernel, 'births' | 'containers' | 'keeper' | 'host' | 'readings'>;
  log: Logger;
  /** The path of the keeper's socket. */
  keeperSocket: string;
  bootId: string;
  /** Compiles the plans of containers that were never started. */
  planner: Planner | null;
  /** Called with each live container that is added. */
  onAdded(container: Container): void;
}

/**
 * Takes over the containers that the earlier daemon has left. Live containers come first, since until then only the
 * keeper enforces their deadlines. Then exited containers are listed; then groups and files that belong to no container
 * are removed.
 * @throws NiwaError HOST_ERROR
 */
export async function takeOver(options: TakeOverOptions): Promise<void> {
  const { states, books, endings, ledger, bootId, log } = options;
  const { whole, damaged, strayFile, strayLines } = await states.load();
  if (strayLines > 0) log.error({ file: strayFile, lines: strayLines }, STRAY);
  const kept = await connectKeeper(options.kernel, options.keeperSocket);

  // To look at a thousand groups one by one takes ten times as long as to read their names.
  const groups = new Set(readdirSync(options.tree.containers));
  const decidedOn = (one: SavedState): Decided => {
    const isOwn = one.cgroup === `${options.tree.containers}/${one.spec.id}`;
    const groupExists = isOwn ? groups.has(one.spec.id) : hasItsGroup(one, options);
    return [one, decide({ saved: one, bootId, groupExists })];
  };
  const finals = withResolvers<Map<string, UsageRecord>>();
  endings.expect(finals.promise); // a container may end before all are taken over
  const sound = whole.map(decidedOn);
  await takeLive(sound, options);
  const ids = [...whole.map(({ spec }) => spec.id), ...damaged.map(({ id }) => id)];
  const lost = lostAmong(kept, ids, options);
  // the other containers have taken their bridge addresses by now
  const mended = mendAll([...damaged, ...lost], kept, options).map(decidedOn);
  for (const container of await takeLive(mended, { ...options, planner: null })) books.save(container);
  states.removeDamaged();
  const decided = [...sound, ...mended];
  finals.resolve(books.finalRecords(decided.flatMap(([one]) => (one.phase === 'exited' ? [] : [one]))));
  const ended = decided.filter(([, decision]) => !lives(decision));
  const wasTold = options.events.recentEnds();
  const interims = new Map(ledger.unfinished().map((record) => [record.run, record]));
  for (const [one, decision] of ended) endings.follow(close(one, decision, interims.get(one.run), wasTold, options));
  endings.forgetOldest();
  const counts = { running: decided.length - ended.length, exited: ended.length };
  if (decided.length > 0) log.info(counts, 'took over the containers of the daemon before');

  await removeOrphans(kept, options);
  const runs = new Set(decided.map(([{ run }]) => run));
  // The containers of before the machine went down left only interim records: these become final.
  for (const record of ledger.unfinished()) if (!runs.has(record.run)) endings.follow(endings.loseRun(record));
}

/** Whether the group of a container is there. */
function hasItsGroup({ spec: { id }, cgroup }: SavedState, { kernel }: Pick<TakeOverOptions, 'kernel'>): boolean {
  return hasGroup({ id, cgroup }, kernel);
}

function lives(decision: Decision): boolean {
  return decision === 'adopt' || decision === 'undo';
}

/** The containers that the keeper watches and that have a group, but no longer a directory. */
function lostAmong(kept: readonly string[], found: readonly string[], { tree }: TakeOverOptions): Damaged[] {
  const known = new Set(found);
  const lost = kept.filter((id) => !known.has(id) && isThere(join(tree.containers, id)));
  return lost.map((id) => ({ id, reason: 'its directory has gone', said: undefined }));
}

/**
 * Makes and writes states for the containers whose states are damaged or missing. If neither the kernel nor the keeper
 * knows such a container, it has ended: its record is written before its group is removed.
 */
function mendAll(
  damaged: readonly Damaged[],
  kept: readonly string[],
  { books, registry, states, ledger, networks, tree, bootId, log }: TakeOverOptions,
): SavedState[] {
  return damaged.flatMap((one) => {
    const { id, reason } = one;
    const cgroup = join(tree.containers, id);
    const file = states.setAside(one);
    if (!isThere(cgroup) && !kept.includes(id)) {
      log.warn(
        { id, reason, file },
        'the state of a container that has ended is damaged or missing: the container is forgotten',
      );
      books.forget(id);
      registry.tell('remove', { id, owner: null, labels: {} });
      return [];
    }
    const oldest = oldestIn(cgroup);
    const lease = oldest === null ? null : networks.findLease(oldest.pid);
    const interim = ledger.unfinished().find((record) => record.id === id);
    const saved = mend(one, { cgroup, bootId, kept: kept.includes(id), oldest, lease, interim });
    const { owner, labels, lifetimeUsec } = saved.spec;
    log.error(
      { id, reason, file, run: saved.run, owner, labels, lifetimeUsec },
      'the state of a container is damaged or missing: the container goes on and is billed by the other facts that are known; check its owner, labels and lifetime',
    );
    write(saved, states, log);
    return [saved];
  });
}

function write(saved: SavedState, states: StateStore, log: Logger): void {
  try {
    states.save(saved);
  } catch (error) {
    log.error({ err: error, id: saved.spec.id }, 'the state of a container waits to be written');
  }
}

/**
 * Takes over live containers. While some are taken over, a worker thread prepares the next. The decision about one that
 * has vanished meanwhile becomes `lose`.
 * @returns the containers that are taken over
 */
async function takeLive(decided: readonly Decided[], options: TakeOverOptions): Promise<Container[]> {
  const live = decided.filter(([, decision]) => lives(decision));
  const prepareFrom = async (first: number) => {
    const next = live.slice(first, first + AT_ONCE).map(([saved]) => saved);
    return next.length === 0 ? [] : await prepareAdoptions(next, options.kernel, (id) => options.logs.fifosOf(id));
  };
  const taken: Container[] = [];
  let coming = prepareFrom(0);
  for (let first = 0; first < live.length; first += AT_ONCE) {
    const prepared = await coming;
    coming = prepareFrom(first + AT_ONCE);
    for (const [i, one] of live.slice(first, first + AT_ONCE).entries()) {
      const container = takeOne(prepared[i] as Adoptable, one[1] === 'undo', options);
      if (container === null) one[1] = 'lose';
      else taken.push(container);
    }
  }
  return taken;
}

/** Takes over a live container, and ends it at once if no client was told of it. Gives null where it has vanished. */
function takeOne(one: Adoptable, undo: boolean, { onAdded, ...options }: TakeOverOptions): Container | null {
  const { saved } = one;
  const container = adoptIfThere(one, options);
  if (container === null) return null;
  if (undo && !container.isUntaken) {
    container.failStart();
    if (saved.runs === undefined || saved.runs.earlier === 0) container.abandon();
  }
  onAdded(container);
  if (saved.isDumped) void endOldDump(options, container);
  if (container.isUntaken) container.control.end();
  else if (undo) killUnwanted(container, options);
  return container;
}

/** Adopts a container. Gives null if somebody has removed its group since it was decided about. */
function adoptIfThere(one: Adoptable, options: Omit<TakeOverOptions, 'onAdded'>): Container | null {
  try {
    return adopt(one, options);
  } catch (error) {
    if (!isKernelError(error) || hasItsGroup(one.saved, options)) throw error;
    options.log.error({ id: one.saved.spec.id, err: error }, 'a container has vanished while it was taken over');
    return null;
  }
}

/**
 * Kills a container that no client was told of. If the kernel refuses, the error is logged and niwad takes over the
 * other containers all the same.
 */
function killUnwanted({ id, handle }: Container, { kernel, log }: Pick<TakeOverOptions, 'kernel' | 'log'>): void {
  try {
    kernel.containers.kill(handle);
  } catch (error) {
    log.error({ id, err: error }, `cannot end a container of which nobody was told: ${messageOf(error)}`);
  }
}

/** Lists a container that has ended. */
async function close(
  saved: SavedState,
  decision: Decision,
  interim: UsageRecord | undefined,
  wasTold: (id: string, exit: Exit) => boolean,
  { registry, endings, logs, resources, kernel }: TakeOverOptions,
): Promise<void> {
  const container = Container.gone(kernel, saved, logs.ended(saved.spec.id));
  if (saved.spec.restart?.policy === 'always') container.runs.beginAnew();
  registry.add(container);
  kernel.keeper.drop(container.id);
  if (decision === 'keep' && saved.exit !== null) {
    container.takeEnd(saved.exit, saved.usage);
    registry.retire(container);
    if (!wasTold(container.id, saved.exit)) registry.tell('exit', saved.spec, { exit: saved.exit });
    void endings.over(container, saved.exit);
  }
  await resources.release(container, OF_GONE);
  if (decision === 'lose') {
    await resources.release(container, BEFORE_EXITED);
    await endings.lose(saved, container, interim);
  }
}

/** Ends and removes groups, logs and other remains that belong to no container. */
async function removeOrphans(kept: string[], { registry, logs, tree, kernel, log }: TakeOverOptions): Promise<void> {
  const known = new Set(registry.list().map(({ id }) => id));
  logs.removeOthers(known);
  for (const id of kept) if (!known.has(id)) kernel.keeper.drop(id);
  for (const { name, error } of await removeLeftovers(tree, known))
    log.warn(
      { name, err: error },
      error === undefined
        ? 'ended what belonged to no container'
        : 'a group that belongs to no container cannot be removed',
    );
}
