/** Lets a number of tasks run at once; the others wait for their turn, in the order in which they came. */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** Runs `task` when it is its turn; gives what it gives. */
  async run<T>(task: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await task();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free++;
      else next();
    }
  }
}

/** How many there may be at once: of root, of all other callers together, and of each of them. */
export interface Shares {
  root: number;
  callers: number;
  each: number;
}

/** Turns that no caller takes from another: root has its own, and each other caller a part of the rest. */
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
   * Runs `task` when it is its turn; gives what it gives.
   * @param caller any name; null for root
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

/** Places that no caller takes from another, as the turns of {@link FairTurns}; nobody waits for one. */
export class FairPlaces {
  readonly #shares: Shares;
  readonly #taken = new Map<string | null, number>();

  constructor(shares: Shares) {
    this.#shares = shares;
  }

  /**
   * Takes a place; gives the function that gives it back, or null where none is left for this caller.
   * @param caller any name; null for root
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
