import { Turns } from './turns.js';

/**
 * How many tasks may run at once: tasks of root, tasks of all other callers together, and tasks of each other caller.
 */
export interface Shares {
  root: number;
  callers: number;
  each: number;
}

/**
 * Turns that no caller can use up for the others: root has its own turns, and each other caller has at most a part of
 * the rest.
 */
export class FairTurns {
  readonly #each: number;
  readonly #root: Turns;
  readonly #callers: Turns;
  readonly #queues = new Map<string, { turns: Turns; tasks: number }>();

  constructor({ root, callers, each }: Shares) {
    this.#each = each;
    this.#root = new Turns(root);
    this.#callers = new Turns(callers);
  }

  /**
   * Runs `task` when it is its turn; gives the result of `task`.
   * @param caller any name of the caller; null for root
   */
  async run<T>(caller: string | null, task: () => Promise<T>): Promise<T> {
    if (caller === null) return await this.#root.run(task);
    const queue = this.#queues.get(caller) ?? { turns: new Turns(this.#each), tasks: 0 };
    this.#queues.set(caller, queue);
    queue.tasks++;
    try {
      return await queue.turns.run(() => this.#callers.run(task));
    } finally {
      if (--queue.tasks === 0) this.#queues.delete(caller);
    }
  }
}

/** Places, shared out as the turns of {@link FairTurns}. A caller who gets no place is told so, and does not wait. */
export class FairPlaces {
  readonly #shares: Shares;
  readonly #taken = new Map<string | null, number>();

  constructor(shares: Shares) {
    this.#shares = shares;
  }

  /**
   * Takes a place; gives the function that gives the place back; null where this caller can have no place now.
   * @param caller any name of the caller; null for root
   */
  take(caller: string | null): (() => void) | null {
    const { root, callers, each } = this.#shares;
    const own = this.#taken.get(caller) ?? 0;
    if (own >= (caller === null ? root : each)) return null;
    if (caller !== null && this.#ofCallers() >= callers) return null;
    this.#taken.set(caller, own + 1);
    let isHeld = true;
    return () => {
      if (!isHeld) return;
      isHeld = false;
      const left = (this.#taken.get(caller) ?? 0) - 1;
      if (left > 0) this.#taken.set(caller, left);
      else this.#taken.delete(caller);
    };
  }

  #ofCallers(): number {
    return [...this.#taken].reduce((sum, [caller, count]) => (caller === null ? sum : sum + count), 0);
  }
}
