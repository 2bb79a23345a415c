/**
 * Keeps apart what changes elements of the rules and what loads all rules anew: many changes run at once, a load runs
 * alone. A change during a load would be lost, or made twice.
 */
export class RuleChanges {
  readonly #running = new Set<Promise<unknown>>();
  #loading: Promise<unknown> | null = null;

  /** Runs a change, after the load that runs now. Gives its result. */
  async change<T>(work: () => Promise<T>): Promise<T> {
    while (this.#loading !== null) await this.#loading.catch(() => {});
    const running = work();
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  /** Runs a load, after all changes that run now. Where a load waits already, that one is enough, and is waited for. */
  async load(work: () => Promise<void>): Promise<void> {
    this.#loading ??= Promise.allSettled(this.#running)
      .then(work)
      .finally(() => {
        this.#loading = null;
      });
    await this.#loading;
  }
}
