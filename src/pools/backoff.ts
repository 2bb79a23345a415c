import type { StockStatus } from '../protocol/pools.js';

const FIRST_USEC = 1e6;
const MOST_USEC = 60e6;

/**
 * How long nothing is made ahead after a failure, in microseconds. Pure.
 * @param before the failures in a row before it
 */
export function backoffUsec(before: number): number {
  return Math.min(MOST_USEC, FIRST_USEC * 2 ** before);
}

/**
 * The failures in a row of one stock. After each, nothing is made for a while, which doubles with the next one. A
 * container that was made does not end the row, since it may die while it waits: it has to be taken, or to wait longer
 * than the last pause. All times are microseconds of CLOCK_BOOTTIME.
 */
export class Backoff {
  #count = 0;
  #failedUsec = 0;
  #pauseUsec = 0;
  #last: StockStatus['last_failure'] = null;

  /** The failures in a row. */
  get count(): number {
    return this.#count;
  }

  /** The last failure of the row; null where there is none. */
  get last(): StockStatus['last_failure'] {
    return this.#last;
  }

  /** Whether nothing may be made yet. */
  isPausing(nowUsec: number): boolean {
    return nowUsec < this.#failedUsec + this.#pauseUsec;
  }

  fail(message: string, nowUsec: number): void {
    this.#failedUsec = nowUsec;
    this.#pauseUsec = backoffUsec(this.#count++);
    this.#last = { at: new Date().toISOString(), message };
  }

  /** Takes that a container still waits. @param madeUsec when it was made */
  hearWaiting(madeUsec: number, nowUsec: number): void {
    if (madeUsec >= this.#failedUsec && nowUsec - madeUsec >= this.#pauseUsec) this.succeed();
  }

  /** Ends the row. */
  succeed(): void {
    this.#count = 0;
    this.#pauseUsec = 0;
    this.#last = null;
  }
}
