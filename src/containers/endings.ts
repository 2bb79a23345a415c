import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Books } from '../engine/books.js';
import type { Container } from '../engine/container.js';
import { storeRest } from '../engine/output.js';
import { AFTER_EXITED, BEFORE_EXITED, type Resources } from '../engine/resources/resources.js';
import { exitOf } from '../engine/saved-state.js';
import type { SavedState } from '../engine/state-files.js';
import { recordOf, usageRecord } from '../engine/usage-record.js';
import type { ExitEvent } from '../kernel/containers.js';
import type { Kernel } from '../kernel/kernel.js';
import type { Exit } from '../protocol/container.js';
import type { UsageRecord } from '../protocol/record.js';
import { crashPoint } from '../test-hooks/crash-point.js';
import type { ContainerHooks } from './container-hooks.js';
import type { Registry } from './registry.js';

/** A process that was killed has ended within this, unless it hangs in the kernel. */
const ENDED_MS = 5000;

export interface EndingsOptions {
  registry: Registry;
  books: Books;
  containerHooks: ContainerHooks;
  resources: Resources;
  kernel: Pick<Kernel, 'terminals' | 'logs'>;
  log: Logger;
  /** How many exited containers are remembered; the oldest are forgotten first. */
  keepExited: number;
}

/** How containers end: recorded once, given back to the kernel, told, and some day forgotten. */
export class Endings {
  readonly #options: EndingsOptions;
  readonly #running = new Set<Promise<void>>();
  #finals: Promise<Map<string, UsageRecord>> = Promise.resolve(new Map());

  constructor(options: EndingsOptions) {
    this.#options = options;
  }

  /** Takes the final records that an earlier daemon has written, by run: whoever ends one of these containers waits for them. */
  expect(finals: Promise<Map<string, UsageRecord>>): void {
    this.#finals = finals;
  }

  /** Waits for all that are under way. */
  async settled(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** Lets {@link settled} wait for some work. */
  follow(work: Promise<void>): void {
    const running = work.finally(() => this.#running.delete(running));
    this.#running.add(running);
  }

  /** A container has ended: its record first, then everything that the kernel still holds, then the news. */
  async finish(container: Container, event: ExitEvent): Promise<void> {
    const { registry, books, containerHooks, resources, kernel, log } = this.#options;
    await container.control.begun?.catch(() => {}); // a workload may end before the answer to its start has come
    const heard = container.takeExit(event);
    crashPoint('exit-heard');
    const rest = storeRest(container.handle, container.output, kernel); // while the record is on its way to the disk
    const exit = await this.#recordOnce(container, Number(event.atNs / 1000n), heard);
    crashPoint('record-written');
    await rest;
    crashPoint('output-stored');
    if (containerHooks.owesHooks(container, exit)) container.endHooks.owe();
    await resources.release(container, BEFORE_EXITED);
    books.save(container, 'exited');
    crashPoint('exit-saved');
    await resources.release(container, AFTER_EXITED);
    registry.dropHandle(container);
    container.settle();
    registry.retire(container);
    log.info({ id: container.id, exit, usage: container.usage().cpu }, 'exited');
    registry.tell('exit', container.spec, exit);
    crashPoint('exit-told');
    void this.over(container, exit);
    if (container.isUnwanted) this.forget(container);
    this.forgetOldest();
  }

  /** Runs what is owed at the end of a container; then forgets one that is to be removed. */
  async over(container: Container, exit: Exit): Promise<void> {
    await this.#options.containerHooks.exited(container, exit);
    if (container.spec.autoRemove && container.endHooks.areDone) this.forget(container);
  }

  /** Ends a container of which nothing but what was written down is left; on a full disk that may take long. */
  async lose(saved: SavedState, container: Container): Promise<void> {
    const final = (await this.#finals).get(saved.run);
    const exit = exitOf(saved, final);
    if (final === undefined) await this.#options.books.record(recordOf(saved, exit));
    container.takeEnd(exit, final?.usage ?? saved.usage);
    const { registry, books, containerHooks } = this.#options;
    if (containerHooks.owesHooks(container, exit)) container.endHooks.owe();
    registry.retire(container);
    if (saved.phase !== 'making') books.save(container);
    registry.tell('exit', saved.spec, exit);
    if (saved.phase === 'making') this.forget(container);
    void this.over(container, exit);
    this.forgetOldest();
  }

  /** Ends a run of which nothing but a record is left: it becomes final. */
  async loseRun(record: UsageRecord): Promise<void> {
    await this.#options.books.record({ ...record, type: 'final', reason: 'unknown' });
    this.#options.registry.tell('exit', record, { code: null, signal: null, reason: 'unknown', at: record.at });
  }

  /** Records a start of which nothing was made. */
  async recordFailedStart(saved: SavedState): Promise<void> {
    await this.#options.books.record(recordOf(saved, exitOf(saved, undefined)));
    this.#options.registry.tell('start-failed', saved.spec);
  }

  /** Waits for the end of a container that was killed; not for a file system that keeps a process of it from ending. */
  async ended(container: Container): Promise<void> {
    await Promise.race([container.exited, sleep(ENDED_MS, undefined, { ref: false })]);
  }

  /** Ends a container whose start has failed; then throws why. */
  async fail(container: Container, error: unknown): Promise<never> {
    container.failStart();
    container.control.end();
    await this.ended(container);
    throw error;
  }

  /** Ends and forgets a container that did not get as far as it should; then throws why. */
  async undo(container: Container, error: unknown): Promise<never> {
    container.control.end();
    await this.ended(container);
    if (container.state === 'exited') this.forget(container);
    else container.abandon();
    throw error;
  }

  /** Removes all that is kept of a container. */
  forget(container: Container): void {
    const { registry, resources } = this.#options;
    if (!registry.remove(container)) return;
    resources.forget(container);
    registry.tell('remove', container.spec);
  }

  forgetOldest(): void {
    for (const container of this.#options.registry.surplus(this.#options.keepExited)) this.forget(container);
  }

  /** Writes the final record of a container, unless an earlier daemon has: then that one stands. Gives how it ended. */
  async #recordOnce(container: Container, usec: number, heard: Exit): Promise<Exit> {
    const final = (await this.#finals).get(container.run);
    if (final === undefined) {
      await this.#options.books.record(usageRecord(container, usec, heard));
      return heard;
    }
    const exit = exitOf({ phase: 'started' }, final);
    container.takeRecorded(exit, final.usage);
    return exit;
  }
}
