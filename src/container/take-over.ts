import { existsSync } from 'node:fs';
import type { Logger } from 'pino';
import type { Ledger } from '../accounting/ledger.js';
import { NiwaError } from '../errors.js';
import { type CgroupTree, removeLeftovers } from '../host/cgroup.js';
import type { IdPool } from '../host/id-pool.js';
import type { LogStore } from '../logs/store.js';
import { errnoName, native } from '../native.js';
import type { Networks } from '../network/networks.js';
import { openTerminal } from './attach.js';
import type { Books } from './books.js';
import { Container, deadlineOf } from './container.js';
import type { Endings } from './endings.js';
import { CAUSE } from './exit.js';
import { connectKeeper } from './keeper.js';
import type { Lifecycle } from './lifecycle.js';
import { type Decision, decide } from './reconcile.js';
import type { Registry } from './registry.js';
import type { Store, StoredContainer } from './store.js';
import { birthOf } from './stored.js';

export interface TakeOverOptions {
  registry: Registry;
  endings: Endings;
  lifecycle: Lifecycle;
  books: Books;
  store: Store;
  logs: LogStore;
  ledger: Ledger;
  idPool: IdPool;
  networks: Networks;
  tree: CgroupTree;
  log: Logger;
  /** Where the keeper listens. */
  keeperSocket: string;
  bootId: string;
  /** Adds a container that lives. */
  welcome(container: Container): void;
}

/**
 * Takes over what the daemon before has left: those that live before anything else, since nobody but the keeper's backstop sees
 * to their deadlines until then; then what has ended; then what belongs to nobody is removed.
 * @throws NiwaError HOST_ERROR
 */
export async function takeOver(options: TakeOverOptions): Promise<void> {
  const { store, books, endings, ledger, bootId, log } = options;
  const { stored, unreadable } = store.load();
  endings.expect(books.finalRecords(stored.filter(({ phase }) => phase !== 'exited')));
  const kept = await connectKeeper(options.keeperSocket);

  const decided = stored.map((one): [StoredContainer, Decision] => {
    return [one, decide({ stored: one, bootId, groupExists: existsSync(one.cgroup) })];
  });
  const lives = (decision: Decision) => decision === 'adopt' || decision === 'undo';
  const living = decided.filter(([, decision]) => lives(decision));
  const ended = decided.filter(([, decision]) => !lives(decision));
  for (const [one, decision] of living) adopt(one, decision === 'undo', options);
  for (const [one, decision] of ended) endings.follow(close(one, decision, options));
  endings.forgetOldest();
  const counts = { running: living.length, exited: ended.length };
  if (stored.length > 0) log.info(counts, 'took over the containers of the daemon before');

  await removeOrphans(unreadable, kept, options);
  const runs = new Set(stored.map(({ run }) => run));
  // What was running when the machine went down left only records of its use until then: they become final.
  for (const record of ledger.unfinished())
    if (!runs.has(record.run)) endings.follow(books.record({ ...record, type: 'final', reason: 'unknown' }));
}

function adopt(
  stored: StoredContainer,
  undo: boolean,
  { logs, idPool, networks, log, welcome }: TakeOverOptions,
): void {
  const { spec, cgroup, pid, idRange } = stored;
  const birth = birthOf(stored);
  const adopted = native.adopt({
    id: spec.id,
    cgroup,
    pid,
    startTicks: birth.startTicks,
    startedNs: BigInt(stored.startedNs),
    deadline: deadlineOf(spec, BigInt(stored.deadlineNs), CAUSE.lifetime),
  });
  if (typeof adopted === 'number')
    throw new NiwaError('HOST_ERROR', `cannot take over container ${spec.id}: ${errnoName(adopted)} from ${cgroup}`);
  if (idRange !== null) idPool.claim(idRange);
  networks.adopt(spec, stored.lease ?? null, adopted.handle);
  const { log: output, errno } = logs.open(spec.id, adopted.handle);
  if (errno !== 0) log.error({ id: spec.id, errno: errnoName(errno) }, 'the output of a container is lost');
  const container = new Container({ ...birth, handle: adopted.handle, pid: adopted.pid }, output);
  container.takeStored(stored);
  container.takeAdopted(adopted);
  if (errno === 0) container.terminal = openTerminal(container, logs);
  container.startFailed = undo;
  container.unwanted = undo;
  welcome(container);
  if (undo) native.kill(adopted.handle);
}

/** Lists a container that has ended. */
async function close(
  stored: StoredContainer,
  decision: Decision,
  { registry, endings, logs }: TakeOverOptions,
): Promise<void> {
  const container = new Container({ ...birthOf(stored), handle: 0 }, logs.ended(stored.spec.id));
  container.takeStored(stored);
  container.state = 'stopping';
  registry.add(container);
  native.keeperDrop(container.id);
  logs.closeFifos(container.id);
  if (decision === 'keep' && stored.exit !== null) {
    container.takeEnd(stored.exit, stored.usage);
    container.hooksDone = stored.hooksDone;
    void endings.over(container, stored.exit);
    registry.retire(container);
  }
  await endings.removeGroup(stored.cgroup);
  if (decision === 'lose') {
    endings.giveBack(stored.spec);
    await endings.lose(stored, container);
  }
}

/** Ends and removes what belongs to no container. */
async function removeOrphans(
  unreadable: { id: string; reason: string }[],
  kept: string[],
  { registry, books, logs, tree, log }: TakeOverOptions,
): Promise<void> {
  for (const { id, reason } of unreadable) {
    log.warn({ id, reason }, 'the state of a container cannot be read: what is left of it is removed');
    books.forget(id);
  }
  const known = new Set(registry.list().map(({ id }) => id));
  logs.removeOthers(known);
  for (const id of kept) if (!known.has(id)) native.keeperDrop(id);
  for (const { name, error } of await removeLeftovers(tree, known))
    log.warn({ name, err: error }, error === undefined ? 'ended what belonged to no container' : 'an orphan stays');
}
