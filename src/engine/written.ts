import { usecNow } from './clock.js';

/**
 * The times at which the state of a container was last saved and its use last recorded, in microseconds of
 * CLOCK_BOOTTIME.
 */
export class Written {
  #savedUsec = usecNow();
  #recordedUsec = this.#savedUsec;

  get recordedUsec(): number {
    return this.#recordedUsec;
  }

  save(): void {
    this.#savedUsec = usecNow();
  }

  record(): void {
    this.#recordedUsec = usecNow();
  }

  /** Marks the saved state as outdated. The next niwad needs the new state, so the next round of saving writes it. */
  expire(): void {
    this.#savedUsec = 0;
  }

  /**
   * Whether the last save is longer ago than the interval, and out of date.
   * @param activeUsec when the container was last seen to do something
   */
  isSaveDue(now: number, intervalUsec: number, activeUsec: number): boolean {
    return this.#savedUsec <= now - intervalUsec && this.#savedUsec < activeUsec;
  }

  /** Whether the last record is longer ago than the interval. */
  isRecordDue(now: number, intervalUsec: number): boolean {
    return this.#recordedUsec <= now - intervalUsec;
  }
}
