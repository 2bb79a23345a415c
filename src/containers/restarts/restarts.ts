import type { Logger } from 'pino';
import { nameForTurns } from '../../access/allowed.js';
import type { Books } from '../../engine/books.js';
import type { Container } from '../../engine/container.js';
import type { Exit } from '../../protocol/container.js';
import { messageOf, NiwaError } from '../../protocol/errors.js';
import type { RestartPolicy } from '../../protocol/resolved-restart.js';
import { FairTurns } from '../../turns/fair-turns.js';
import type { Registry } from '../registry.js';
import { afterEnd, afterRefusal, type Decision, leftOf } from './decide.js';

/**
 * How many containers are started again at a time: after a start of the machine, all of them wait at once. A start may
 * hang, and holds up no restarts of other users.
 */
const AT_ONCE = { root: 4, callers: 4, each: 2 };
/** How long a container waits whose restart was refused because the node is drained. */
const DRAINED_USEC = 10e6;

export interface RestartsOptions {
  registry: Registry;
  books: Books;
  log: Logger;
  /** Makes the next run of a container that waits. Throws the errors of a create. */
  again(container: Container): Promise<void>;
}

/** Starts containers again by the restart policies of their specs. What it waits for is saved with their states. */
export class Restarts {
  readonly #options: RestartsOptions;
  readonly #timers = new Map<Container, NodeJS.Timeout>();
  readonly #turns = new FairTurns(AT_ONCE);
  #state: 'new' | 'open' | 'closed' = 'new';

  constructor(options: RestartsOptions) {
    this.#options = options;
  }

  /** Called when niwad has taken over the containers of the one before: those that wait may be started now. */
  open(): void {
    this.#state = 'open';
    for (const container of this.#options.registry.list())
      if (container.runs.next.type === 'waits') this.#set(container);
  }

  /** Called when niwad stops: the next niwad goes on. */
  close(): void {
    this.#state = 'closed';
    for (const timer of this.#timers.values()) clearTimeout(timer);
    this.#timers.clear();
  }

  /** Decides what follows the end of a container, when the hooks of the end have run. */
  ended(container: Container, exit: Exit): void {
    const { restart } = container.spec;
    if (restart === undefined || !this.#options.registry.hasThis(container)) return;
    const { earlier, inRow, isStopped } = container.runs.state;
    const { startedAt } = container;
    const decision = afterEnd({ restart, exit, startedAt, isFirst: earlier === 0, inRow, isStopped });
    this.#follow(container, decision, exit.at, null);
  }

  /**
   * Takes that a user has told a container to stop: its policy does not start it again.
   * @returns whether the container had ended, and would have been started again
   */
  stop(container: Container): boolean {
    if (container.spec.restart === undefined) return false;
    const hasExited = container.state === 'exited';
    if (hasExited && container.runs.next.type === 'over') return false;
    container.runs.stop();
    if (hasExited) this.#end(container);
    this.#options.books.save(container);
    return hasExited;
  }

  /** Called when a container is started again by hand, or removed: it does not wait any more. */
  cancel(container: Container): void {
    clearTimeout(this.#timers.get(container));
    this.#timers.delete(container);
  }

  #follow(container: Container, decision: Decision, since: string, failure: string | null): void {
    const { registry, log } = this.#options;
    const { id, runs, spec } = container;
    if (decision.type === 'over') {
      this.#end(container);
      if (decision.why !== 'too-many') return;
      log.warn({ id, failure }, 'a container has ended too often: it is not started again (restart.max)');
      registry.tell('restarts-given-up', spec);
      return;
    }
    const waitMs = leftOf(decision.waitUsec, since, Date.now());
    runs.wait(new Date(Date.now() + waitMs), decision.inRow, failure);
    registry.tell('restarting', spec);
    if (this.#state === 'open') this.#set(container);
  }

  #end(container: Container): void {
    this.cancel(container);
    container.runs.end();
    this.#options.registry.retire(container);
  }

  #set(container: Container): void {
    const { next } = container.runs;
    if (next.type !== 'waits') return;
    this.cancel(container);
    const timer = setTimeout(() => void this.#start(container), next.at.getTime() - Date.now());
    this.#timers.set(container, timer);
  }

  async #start(container: Container): Promise<void> {
    this.#timers.delete(container);
    const { id, runs } = container;
    try {
      const { author } = runs.state;
      await this.#turns.run(author === null ? null : nameForTurns(author), async () => {
        if (this.#state !== 'open') return;
        await this.#options.again(container);
        this.#options.log.info({ id, in_row: runs.state.inRow }, 'started a container again, by its restart policy');
      });
    } catch (error) {
      this.#refused(container, error);
    }
  }

  /** A start that has made a run and then failed comes back as the end of that run. */
  #refused(container: Container, error: unknown): void {
    const { registry, books, log } = this.#options;
    const { id, runs, spec } = container;
    if (this.#state !== 'open' || !registry.hasThis(container) || runs.next.type !== 'waits') return;
    const failure = messageOf(error);
    if (failure !== runs.failure) log.warn({ id, err: error }, `a container cannot be started again: ${failure}`);
    this.#follow(container, decisionOn(error, spec.restart as RestartPolicy, runs.state.inRow), now(), failure);
    books.save(container);
  }
}

/** A drain counts as no restart: the container comes back when the drain is over. */
function decisionOn(error: unknown, restart: RestartPolicy, inRow: number): Decision {
  if (!(error instanceof NiwaError && error.code === 'DRAINING')) return afterRefusal(restart, inRow);
  return { type: 'wait', waitUsec: DRAINED_USEC, inRow };
}

function now(): string {
  return new Date().toISOString();
}
