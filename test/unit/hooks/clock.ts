import type { Clock } from '../../../src/hooks/clock.js';

/** A clock that moves only by being waited on: time passes as soon as everybody waits. */
export class TestClock implements Clock {
  #now = 0;
  readonly #sleepers = new Set<{ at: number; wake: () => void }>();

  nowUsec(): number {
    return this.#now;
  }

  /** Moves on by what a task is to have taken. */
  spend(usec: number): void {
    this.#now += usec;
  }

  sleep(usec: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const sleeper = { at: this.#now + Math.max(0, usec), wake: resolve };
      this.#sleepers.add(sleeper);
      const end = () => {
        this.#sleepers.delete(sleeper);
        resolve();
      };
      if (signal.aborted) end();
      signal.addEventListener('abort', end, { once: true });
      setImmediate(() => this.#wakeNext());
    });
  }

  #wakeNext(): void {
    const next = [...this.#sleepers].sort((a, b) => a.at - b.at)[0];
    if (next === undefined) return;
    this.#sleepers.delete(next);
    this.#now = Math.max(this.#now, next.at);
    next.wake();
  }
}
