import { setTimeout as sleep } from 'node:timers/promises';
import { FairTurns } from '../turns/fair-turns.js';

/** How many containers are made ahead at once: one for root, and one for all other callers, in fair turns. */
const AT_ONCE = { root: 1, callers: 1, each: 1 };
/** What is asked for goes first, so long at most: a node that is never quiet must not keep its pools empty for ever. */
const MOST_WAIT_MS = 100;
const LOOK_MS = 2;
/** A start is followed by its answer, and often soon by the end of the container: both go first, too. */
const REST_MS = 15;

/** Makes containers ahead in the background: what somebody waits for goes first. */
export class Filler {
  readonly #turns = new FairTurns(AT_ONCE);
  readonly #making: () => number;
  /** False until niwad has taken over what the one before has left: until then nothing is made ahead. */
  isOpen = false;
  #asked = 0;
  /** When the last start that somebody waited for was over. */
  #lastStartMs = Number.NEGATIVE_INFINITY;
  #own = 0;

  /** @param making gives how many containers of all kinds are being made now */
  constructor(making: () => number) {
    this.#making = making;
  }

  /** Runs a start that somebody waits for. */
  async first<T>(start: () => Promise<T>): Promise<T> {
    this.#asked++;
    try {
      return await start();
    } finally {
      this.#asked--;
      this.#lastStartMs = performance.now();
    }
  }

  /**
   * Makes a container ahead, when it is its turn and nobody waits.
   * @param caller null for root
   * @param isNeeded says whether the next start would find none
   */
  async fill<T>(caller: string | null, make: () => Promise<T>, isNeeded: () => boolean): Promise<T> {
    return await this.#turns.run(caller, async () => {
      const until = performance.now() + MOST_WAIT_MS;
      while (performance.now() < until && (this.#isAsked || (!isNeeded() && this.#hasJustStarted)))
        await sleep(LOOK_MS, undefined, { ref: false });
      this.#own++;
      try {
        return await make();
      } finally {
        this.#own--;
      }
    });
  }

  get #hasJustStarted(): boolean {
    return performance.now() - this.#lastStartMs < REST_MS;
  }

  get #isAsked(): boolean {
    return this.#asked > 0 || this.#making() > this.#own;
  }
}
