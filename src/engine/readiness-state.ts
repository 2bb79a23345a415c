import type { Readiness } from '../protocol/container.js';

/** Whether a container is ready for its work. The answer becomes known once and then stays. */
export class ReadinessState {
  /** Resolves when the container is ready, or can no longer become ready. */
  readonly known: Promise<void>;
  #value: Readiness | null;
  #tellKnown: () => void = () => {};

  /**
   * @param isChecked whether the spec has a readiness check
   * @param before the readiness that an earlier niwad saved
   */
  constructor(isChecked: boolean, before: Readiness | null) {
    this.known = new Promise((resolve) => {
      this.#tellKnown = resolve;
    });
    this.#value = isChecked ? { state: 'waiting', at: null, took_usec: null } : null;
    if (before !== null && before.state !== 'waiting') this.take(before);
  }

  /** The state of the readiness check; null if the container has none. */
  get value(): Readiness | null {
    return this.#value;
  }

  get isAwaited(): boolean {
    return this.#value?.state === 'waiting';
  }

  /** Takes the result of the check: ready, or failed. */
  take(readiness: Readiness): void {
    this.#value = readiness;
    this.#tellKnown();
  }

  /** Called when the container has ended: it can no longer become ready. */
  end(at: string): void {
    if (this.isAwaited) this.take({ state: 'failed', at, took_usec: null });
  }
}
