import { usecNow } from './clock.js';

/** When the state of a container was saved and its use recorded, in microseconds of CLOCK_BOOTTIME. */
export class Written {
  #savedUsec = usecNow();
  #recordedUsec = usecNow();

  get recordedUsec(): number {
    return this.#recordedUsec;
  }

  save(): void {
    this.#savedUsec = usecNow();
  }

  record(): void {
    this.#recordedUsec = usecNow();
  }

  /** What the state file says is out of date, and the next niwad needs it: the state is to be saved soon. */
  expire(): void {
    this.#savedUsec = 0;
  }

  /** Whether the state was saved longer ago than an interval. */
  isSaveDue(now: number, intervalUsec: number): boolean {
    return this.#savedUsec <= now - intervalUsec;
  }

  /** Whether the use was recorded longer ago than an interval. */
  isRecordDue(now: number, intervalUsec: number): boolean {
    return this.#recordedUsec <= now - intervalUsec;
  }
}
