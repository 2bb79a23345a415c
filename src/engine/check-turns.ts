import { Turns } from '../turns.js';

/** So long a check may take until its container counts as slow. */
const SLOW_MS = 1000;

/**
 * The turns of readiness checks that run a command. A container can hold up whoever enters it, for ten seconds each time and
 * check after check: the turns of execs that somebody asked for are others, and a container that once held up a check shares
 * a turn with its like from then on.
 */
export class CheckTurns {
  readonly #quick = new Turns(3);
  readonly #slow = new Turns(1);
  readonly #slowOnes = new WeakSet<object>();
  readonly #slowMs: number;

  constructor(slowMs = SLOW_MS) {
    this.#slowMs = slowMs;
  }

  /** Runs `task`, which enters a container, when it is its turn; gives what it gives. */
  run<T>(container: object, task: () => Promise<T>): Promise<T> {
    const turns = this.#slowOnes.has(container) ? this.#slow : this.#quick;
    return turns.run(async () => {
      const begun = performance.now();
      try {
        return await task();
      } finally {
        if (performance.now() - begun > this.#slowMs) this.#slowOnes.add(container);
      }
    });
  }
}
