import { Turns } from '../turns/turns.js';

/** A container whose check takes longer than this counts as slow. */
const SLOW_MS = 1000;

/**
 * The turns of readiness checks that run a command. A container can delay the process that enters it by ten seconds in
 * every check. So these turns are apart from the turns of execs that clients ask for. A container that once delayed a
 * check shares one turn with all other slow containers from then on.
 */
export class CheckTurns {
  readonly #quick = new Turns(3);
  readonly #slow = new Turns(1);
  readonly #slowOnes = new WeakSet<object>();
  readonly #slowMs: number;

  constructor(slowMs = SLOW_MS) {
    this.#slowMs = slowMs;
  }

  /** Runs `task`, which enters a container, when its turn has come; gives the result of `task`. */
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
