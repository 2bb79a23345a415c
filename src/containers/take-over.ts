import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Ledger } from '../accounting/ledger.js';
import type { Books } from '../engine/books.js';
import { Container } from '../engine/container.js';
import { deadlineOf } from '../engine/deadline.js';
import { CAUSE } from '../engine/exit.js';
import { identityOf } from '../engine/identity.js';
import { openOutput } from '../engine/output.js';
import type { Damaged, SavedState, StateFiles } from '../engine/state-files.js';
import { NiwaError } from '../errors.js';
import { type CgroupTree, removeLeftovers } from '../host/cgroup.js';
import type { IdPool, IdRange } from '../host/id-pool.js';
import { oldestIn, readStartTicks } from '../host/process.js';
import { isThere } from '../host/stored-file.js';
import type { LogStore } from '../logs/store.js';
import { errnoName, native } from '../native.js';
import type { Networks } from '../network/networks.js';
import type { Plan } from '../plan/plan.js';
import type { Spec } from '../protocol/resolved-spec.js';
import { connectKeeper } from './connect-keeper.js';
import type { ContainerHooks } from './container-hooks.js';
import type { Endings } from './endings.js';
import { mend } from './mend.js';
import { type Decision, decide } from './reconcile.js';
import type { Registry } from './registry.js';

export interface TakeOverOptions {
  registry: Registry;
  endings: Endings;
  containerHooks: ContainerHooks;
  books: Books;
  stateFiles: StateFiles;
  logs: LogStore;
  ledger: Ledger;
  idPool: IdPool;
  networks: Networks;
  tree: CgroupTree;
  log: Logger;
  /** Where the keeper listens. */
  keeperSocket: string;
  bootId: string;
  /** Compiles the plan of one that nobody has started; null where its spec is not known whole. */
  planOf(spec: Spec, idRange: IdRange | null): Plan | null;
  /** Adds a container that lives. */
  onAdded(container: Container): void;
}

/**
 * Takes over what the daemon before has left: those that live before anything else, since nobody but the keeper's backstop sees
 * to their deadlines until then; then what has ended; then what belongs to nobody is removed.
 * @throws NiwaError HOST_ERROR
 */
export async function takeOver(options: TakeOverOptions): Promise<void> {
  const { stateFiles, books, endings, ledger, bootId, log } = options;
  const { whole, damaged } = await stateFiles.load();
  const kept = await connectKeeper(options.keeperSocket);

  const decidedOn = (one: SavedState): [SavedState, Decision] => {
    return [one, decide({ saved: one, bootId, groupExists: isThere(one.cgroup) })];
  };
  const sound = whole.map(decidedOn);
  for (const [one, decision] of sound) if (lives(decision)) adopt(one, decision === 'undo', options);
  const ids = [...whole.map(({ spec }) => spec.id), ...damaged.map(({ id }) => id)];
  const lost = lostAmong(kept, ids, options);
  const mended = mendAll([...damaged, ...lost], kept, options).map(decidedOn); // the others have their places by now
  for (const [one, decision] of mended)
    if (lives(decision)) books.save(adopt(one, decision === 'undo', { ...options, planOf: () => null }));
  const decided = [...sound, ...mended];
  endings.expect(books.finalRecords(decided.flatMap(([one]) => (one.phase === 'exited' ? [] : [one]))));
  const ended = decided.filter(([, decision]) => !lives(decision));
  for (const [one, decision] of ended) endings.follow(close(one, decision, options));
  endings.forgetOldest();
  const counts = { running: decided.length - ended.length, exited: ended.length };
  if (decided.length > 0) log.info(counts, 'took over the containers of the daemon before');

  await removeOrphans(kept, options);
  const runs = new Set(decided.map(([{ run }]) => run));
  // What was running when the machine went down left only records of its use until then: they become final.
  for (const record of ledger.unfinished())
    if (!runs.has(record.run)) endings.follow(books.record({ ...record, type: 'final', reason: 'unknown' }));
}

function lives(decision: Decision): boolean {
  return decision === 'adopt' || decision === 'undo';
}

/** Those that the keeper has and that have a group, but no directory any more. */
function lostAmong(kept: readonly string[], found: readonly string[], { tree }: TakeOverOptions): Damaged[] {
  const known = new Set(found);
  const lost = kept.filter((id) => !known.has(id) && isThere(join(tree.containers, id)));
  return lost.map((id) => ({ id, reason: 'its directory has gone', said: undefined }));
}

/**
 * Makes states for the containers whose state files are damaged or missing. Where neither the kernel nor the keeper has anything, it had ended: its record is written before its group goes.
 */
function mendAll(
  damaged: readonly Damaged[],
  kept: readonly string[],
  { books, stateFiles, ledger, networks, tree, bootId, log }: TakeOverOptions,
): SavedState[] {
  return damaged.flatMap((one) => {
    const { id, reason } = one;
    const cgroup = join(tree.containers, id);
    const file = stateFiles.setAside(id);
    if (!isThere(cgroup) && !kept.includes(id)) {
      log.warn({ id, reason, file }, 'the state of a container that is gone is damaged or missing: it is forgotten');
      books.forget(id);
      return [];
    }
    const oldest = oldestIn(cgroup);
    const lease = oldest === null ? null : networks.findLease(oldest.pid);
    const interim = ledger.unfinished().find((record) => record.id === id);
    const saved = mend(one, { cgroup, bootId, kept: kept.includes(id), oldest, lease, interim });
    const { owner, labels, lifetimeUsec } = saved.spec;
    log.error(
      { id, reason, file, run: saved.run, owner, labels, lifetimeUsec },
      'the state of a container is damaged or missing: it goes on, and is billed, by what else is known of it; look whether its owner, labels and lifetime are right',
    );
    return [saved];
  });
}

function adopt(saved: SavedState, undo: boolean, options: TakeOverOptions): Container {
  const { logs, idPool, networks, log, onAdded } = options;
  const { spec, cgroup, pid, idRange } = saved;
  const identity = identityOf(saved);
  const adopted = native.adopt({
    id: spec.id,
    cgroup,
    pid,
    startTicks: identity.startTicks,
    startedNs: BigInt(saved.startedNs),
    deadline: deadlineOf(spec, BigInt(saved.deadlineNs), CAUSE.lifetime),
  });
  if (typeof adopted === 'number')
    throw new NiwaError('HOST_ERROR', `cannot take over container ${spec.id}: ${errnoName(adopted)} from ${cgroup}`);
  if (idRange !== null) idPool.claim(idRange);
  networks.adopt(spec, saved.lease ?? null, adopted.handle);
  const output = openOutput(spec, adopted.handle, logs);
  const { logErrno } = output;
  if (logErrno !== 0) log.error({ id: spec.id, errno: errnoName(logErrno) }, 'the output of a container is lost');
  const startTicks = identity.startTicks === 0n ? readStartTicks(adopted.pid) : identity.startTicks;
  const plan = saved.phase === 'created' && adopted.startedNs === 0n ? planAgain(saved, options) : null;
  const process = { handle: adopted.handle, pid: adopted.pid, startTicks, plan };
  const container = Container.adopted({ ...identity, ...process }, output, saved, adopted);
  if (undo) {
    container.failStart();
    container.abandon();
  }
  onAdded(container);
  if (undo) native.kill(adopted.handle);
  return container;
}

/** Nothing of a plan is written down. Without one a container goes on, only a start that fails cannot say at which step. */
function planAgain({ spec, idRange }: SavedState, { planOf, log }: TakeOverOptions): Plan | null {
  try {
    return planOf(spec, idRange);
  } catch (error) {
    log.error({ id: spec.id, err: error }, 'the plan of a container cannot be compiled any more');
    return null;
  }
}

/** Lists a container that has ended. */
async function close(
  saved: SavedState,
  decision: Decision,
  { registry, endings, logs }: TakeOverOptions,
): Promise<void> {
  const container = Container.gone(saved, logs.ended(saved.spec.id));
  registry.add(container);
  native.keeperDrop(container.id);
  logs.closeFifos(container.id);
  if (decision === 'keep' && saved.exit !== null) {
    container.takeEnd(saved.exit, saved.usage);
    void endings.over(container, saved.exit);
    registry.retire(container);
  }
  await endings.removeGroup(saved.cgroup);
  if (decision === 'lose') {
    await endings.giveBack(saved.spec);
    await endings.lose(saved, container);
  }
}

/** Ends and removes what belongs to no container. */
async function removeOrphans(kept: string[], { registry, logs, tree, log }: TakeOverOptions): Promise<void> {
  const known = new Set(registry.list().map(({ id }) => id));
  logs.removeOthers(known);
  for (const id of kept) if (!known.has(id)) native.keeperDrop(id);
  for (const { name, error } of await removeLeftovers(tree, known))
    log.warn({ name, err: error }, error === undefined ? 'ended what belonged to no container' : 'an orphan stays');
}
