/** setTimeout() takes no longer time. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The readers that wait for the next event. */
export class Waiters {
  readonly #wakes = new Set<() => void>();

  /**
   * Waits until {@link wake} is called, or until a time has passed.
   * @param until the time, in the format of Date.toISOString(); null for any time
   */
  wait(until: string | null): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        this.#wakes.delete(wake);
        resolve();
      };
      const leftMs = until === null ? null : Date.parse(until) - Date.now() + 1;
      const timer = leftMs === null ? undefined : setTimeout(wake, Math.min(Math.max(0, leftMs), LONGEST_TIMER_MS));
      this.#wakes.add(wake);
    });
  }

  /** Wakes all of them. */
  wake(): void {
    for (const wake of this.#wakes) wake();
  }
}
