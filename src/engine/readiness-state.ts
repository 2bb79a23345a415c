import type { Readiness } from '../protocol/container.js';

/** Whether a container is ready for its work, which becomes known once. */
export class ReadinessState {
  /** Resolves when it is ready, or will not be any more. */
  readonly known: Promise<void>;
  #value: Readiness | null;
  #tellKnown: () => void = () => {};

  /**
   * @param isChecked whether its spec has a readiness check
   * @param before what an earlier niwad knew
   */
  constructor(isChecked: boolean, before: Readiness | null) {
    this.known = new Promise((resolve) => {
      this.#tellKnown = resolve;
    });
    this.#value = isChecked ? { state: 'waiting', at: null, took_usec: null } : null;
    if (before !== null && before.state !== 'waiting') this.take(before);
  }

  /** Whether its readiness check has passed; null where it has none. */
  get value(): Readiness | null {
    return this.#value;
  }

  get isAwaited(): boolean {
    return this.#value?.state === 'waiting';
  }

  /** It is ready, or has failed to get so. */
  take(readiness: Readiness): void {
    this.#value = readiness;
    this.#tellKnown();
  }

  /** It has ended: it will not get ready any more. */
  end(at: string): void {
    if (this.isAwaited) this.take({ state: 'failed', at, took_usec: null });
  }
}
