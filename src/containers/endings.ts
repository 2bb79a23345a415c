import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Books } from '../engine/books.js';
import type { Container } from '../engine/container.js';
import { AFTER_EXITED, BEFORE_EXITED, type Resources } from '../engine/resources/resources.js';
import { exitOf } from '../engine/saved-state.js';
import type { SavedState } from '../engine/saved-state-types.js';
import { recordOf, usageRecord } from '../engine/usage-record.js';
import type { ExitEvent } from '../kernel/containers.js';
import type { Kernel } from '../kernel/kernel.js';
import type { Exit } from '../protocol/container.js';
import type { UsageRecord } from '../protocol/record.js';
import { crashPoint } from '../test-hooks/crash-point.js';
import type { ContainerHooks } from './container-hooks.js';
import type { Registry } from './registry.js';

/** How long the end of a killed process takes at most, unless the process hangs in the kernel. */
const ENDED_MS = 5000;
/** How many exited containers of each service are kept in the list, beside `keepExited`. */
const KEPT_OF_SERVICE = 10;
/**
 * Those that ended first are forgotten so long after an end, several at once: nobody waits for it, unless none is kept.
 */
const FORGET_AFTER_MS = 10;

export interface EndingsOptions {
  registry: Registry;
  books: Books;
  containerHooks: ContainerHooks;
  resources: Resources;
  kernel: Pick<Kernel, 'records'>;
  log: Logger;
  /** How many exited containers are kept in the list; the containers that ended first are removed first. */
  keepExited: number;
  /** Called when a container has ended and the hooks of its end have run. */
  onOver(container: Container, exit: Exit): void;
}

/**
 * Ends containers: records each end once, gives the resources back, tells the event, and later forgets the container.
 */
export class Endings {
  readonly #options: EndingsOptions;
  readonly #running = new Set<Promise<void>>();
  #finals: Promise<Map<string, UsageRecord>> = Promise.resolve(new Map());
  #forgetting: NodeJS.Timeout | null = null;

  constructor(options: EndingsOptions) {
    this.#options = options;
  }

  /**
   * Takes the final records that an earlier daemon has written, by run. Every end of a container waits for this
   * promise, so that no second final record is written.
   */
  expect(finals: Promise<Map<string, UsageRecord>>): void {
    this.#finals = finals;
  }

  /** Waits for all ends that are under way. The next niwad forgets what this one has not forgotten yet. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
    clearTimeout(this.#forgetting ?? undefined);
    this.#forgetting = null;
  }

  /** Makes {@link settled} wait for a promise. */
  follow(work: Promise<void>): void {
    const running = work.finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /**
   * Finishes a container whose last process has ended: tells the death and lays out the record; the kernel's side then
   * stores the output and the record, and removes what the container had in the kernel. After that the state is saved
   * and the event is told. A niwad that finds the record does the rest, whatever is done of it.
   */
  async finish(container: Container, event: ExitEvent): Promise<void> {
    const { registry, books, containerHooks, resources, log } = this.#options;
    // the workload may end before the answer to the container's start has arrived
    await container.control.begun?.catch(() => {});
    const heard = container.takeExit(event);
    crashPoint('exit-heard');
    registry.tellDeath(container, heard);
    const ended = resources.end(container); // its output is stored while the record is written to disk
    const exit = await this.#recordOnce(container, Number(event.atNs / 1000n), heard);
    const left = await ended;
    if (containerHooks.owesHooks(container, exit)) container.endHooks.owe();
    await resources.release(container, BEFORE_EXITED);
    books.save(container, 'exited');
    crashPoint('exit-saved');
    await resources.release(container, [...left, ...AFTER_EXITED]);
    registry.dropHandle(container);
    container.settle();
    registry.retire(container);
    log.info({ id: container.id, exit, usage: container.usage().cpu }, 'exited');
    registry.tell('exit', container.spec, { exit });
    crashPoint('exit-told');
    void this.over(container, exit);
    if (container.isUnwanted) this.forget(container);
    this.#forgetOldestSoon();
  }

  /** Runs the hooks of a container's end; then forgets the container if its spec says so. */
  async over(container: Container, exit: Exit): Promise<void> {
    await this.#options.containerHooks.exited(container, exit);
    if (!container.endHooks.areDone) return;
    if (container.spec.autoRemove) this.forget(container);
    else this.#options.onOver(container, exit);
  }

  /**
   * Ends a container that is gone from the kernel, so that only its saved state is left. On a full disk this may take
   * long.
   * @param interim the last interim record of the run, if there is one
   */
  async lose(saved: SavedState, container: Container, interim?: UsageRecord): Promise<void> {
    const final = (await this.#finals).get(saved.run);
    const exit = exitOf(saved, final);
    const record = final ?? lastRecord(saved, exit, interim);
    if (final === undefined) await this.#options.books.record(record);
    container.takeEnd(exit, record.usage);
    const isUnknown = saved.phase === 'making' && container.runs.state.earlier === 0; // no client was told of it
    const { registry, books, containerHooks } = this.#options;
    if (containerHooks.owesHooks(container, exit)) container.endHooks.owe();
    registry.retire(container);
    if (!isUnknown) books.save(container);
    registry.tell('exit', saved.spec, { exit });
    if (isUnknown) this.forget(container);
    void this.over(container, exit);
    this.#forgetOldestSoon();
  }

  /** Ends a run of which only an interim record is left: a final record with the same use is written. */
  async loseRun(record: UsageRecord): Promise<void> {
    await this.#options.books.record({ ...record, type: 'final', reason: 'unknown' });
    const service = record.service == null ? null : { name: record.service };
    this.#options.registry.tell(
      'exit',
      { ...record, service },
      { exit: { code: null, signal: null, reason: 'unknown', at: record.at } },
    );
  }

  /** Records a failed start that left no container. */
  async recordFailedStart(saved: SavedState): Promise<void> {
    await this.#options.books.record(recordOf(saved, exitOf(saved, undefined)));
    this.#options.registry.tell('start-failed', saved.spec);
  }

  /**
   * Waits for the end of a container that was killed, but not for long: a file system may keep a process of the
   * container from ending.
   */
  async ended(container: Container): Promise<void> {
    await Promise.race([container.exited, sleep(ENDED_MS, undefined, { ref: false })]);
  }

  /** Ends a container whose start has failed; then throws the error of the start. */
  async fail(container: Container, error: unknown): Promise<never> {
    container.failStart();
    container.control.end();
    await this.ended(container);
    throw error;
  }

  /** Ends and forgets a container whose creation has failed; then throws the error of the creation. */
  async undo(container: Container, error: unknown): Promise<never> {
    container.control.end();
    await this.ended(container);
    if (container.state === 'exited') this.forget(container);
    else container.abandon();
    throw error;
  }

  /** Removes everything that niwa stores of a container. */
  forget(container: Container): void {
    const { registry, resources } = this.#options;
    if (!registry.remove(container)) return;
    resources.forget(container);
    registry.tell('remove', container.spec);
  }

  /** Forgets the containers that ended first, of those that are more than are kept. */
  forgetOldest(): void {
    for (const container of this.#options.registry.surplus(this.#options.keepExited, KEPT_OF_SERVICE))
      this.forget(container);
  }

  #forgetOldestSoon(): void {
    if (this.#options.keepExited === 0)
      this.forgetOldest(); // the id is free when the end is told
    else
      this.#forgetting ??= setTimeout(() => {
        this.#forgetting = null;
        this.forgetOldest();
      }, FORGET_AFTER_MS).unref();
  }

  /**
   * Writes the final record of a container and gives how the container ended. If an earlier daemon has written the
   * final record already, that record is valid and no other is written.
   */
  async #recordOnce(container: Container, usec: number, heard: Exit): Promise<Exit> {
    const final = (await this.#finals).get(container.run);
    if (final === undefined) {
      await this.#options.books.record(usageRecord(container, usec, heard), container.handle);
      return heard;
    }
    this.#options.kernel.records.confirm(container.handle);
    const exit = exitOf({ phase: 'started' }, final);
    container.takeRecorded(exit, final.usage);
    return exit;
  }
}

/** Makes the final record of a lost run, by what knows more of its use: its saved state or its interim record. */
function lastRecord(saved: SavedState, exit: Exit, interim: UsageRecord | undefined): UsageRecord {
  const record = recordOf(saved, exit);
  if (interim === undefined || cpuOf(interim) <= cpuOf(record)) return record;
  const { code, signal, reason } = exit;
  return { ...interim, type: 'final', code, signal, reason };
}

function cpuOf({ usage }: UsageRecord): number {
  return usage?.cpu.usage_usec ?? 0;
}
