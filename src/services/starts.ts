import { afterEnd, NO_FAILURES } from './decide/failures.js';
import type { EndCause, Failures } from './decide/types.js';

const KEPT_START_TIMES = 20;

/** Why the last start failed, or the last instance was lost. */
export interface LastFailure {
  at: string;
  reason: string;
  message: string;
}

/** How the starts of one service went: failures in a row, by reason, and how long good ones took. */
export class Starts {
  #failures: Failures = NO_FAILURES;
  #last: LastFailure | null = null;
  #times: readonly number[] = [];
  readonly #byReason = new Map<string, number>();
  readonly #onFailure: (reason: string, message: string) => void;

  /** @param onFailure is told each failure */
  constructor(onFailure: (reason: string, message: string) => void) {
    this.#onFailure = onFailure;
  }

  /** The starts that failed in a row. */
  get failures(): Failures {
    return this.#failures;
  }

  /** How long the last starts took until the instance was ready, in microseconds. */
  get timesUsec(): readonly number[] {
    return this.#times;
  }

  get last(): LastFailure | null {
    return this.#last;
  }

  get byReason(): ReadonlyMap<string, number> {
    return this.#byReason;
  }

  /** Takes what an earlier niwad has counted. Failures of the time before a reboot lie ahead, and count no more. */
  adopt(failures: Failures, timesUsec: readonly number[], last: LastFailure | null, nowUsec: number): void {
    this.#last = last;
    this.#failures = failures.lastUsec > nowUsec ? NO_FAILURES : failures;
    this.#times = timesUsec.slice(-KEPT_START_TIMES);
  }

  /** A new revision begins without failures. */
  beginAnew(): void {
    this.#failures = NO_FAILURES;
  }

  /** A start took `usec` until its instance was ready. */
  succeed(usec: number): void {
    this.#times = [...this.#times, usec].slice(-KEPT_START_TIMES);
  }

  /** An instance was told to end, see {@link afterEnd}. */
  end(cause: EndCause, why: string, readyUsec: number | null, nowUsec: number): void {
    this.#failures = afterEnd(this.#failures, nowUsec, readyUsec, cause);
    if (cause === 'start-timeout' || cause === 'sick') this.#tally(cause, why);
  }

  /** An instance has ended by itself, was removed by hand, or could not be made. */
  fail(reason: string, message: string, readyUsec: number | null, nowUsec: number): void {
    this.#failures = afterEnd(this.#failures, nowUsec, readyUsec, null);
    this.#tally(reason, message);
  }

  #tally(reason: string, message: string): void {
    this.#byReason.set(reason, (this.#byReason.get(reason) ?? 0) + 1);
    this.#last = { at: new Date().toISOString(), reason, message };
    this.#onFailure(reason, message);
  }
}
