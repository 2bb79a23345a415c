import { type ErrorCode, NiwaError } from '../protocol/errors.js';
import type { WakeLatency } from '../protocol/services.js';
import type { RefuseCause } from './decide/types.js';
import type { ServiceInstance } from './instance.js';

/** A wake that has ended with a routed instance. */
export interface Woken {
  instance: string;
  at: string;
  latency: WakeLatency;
}

interface Waiter {
  resolve(woken: Woken): void;
  reject(error: NiwaError): void;
}

/** The requests of one service that wait for an instance, and how long the last ones waited. */
export class Wakes {
  readonly #name: string;
  readonly #waiters = new Set<Waiter>();
  #sinceUsec: number | null = null;
  #count = 0;
  #last: Woken | null = null;

  constructor(name: string) {
    this.#name = name;
  }

  /** Since when requests wait; null where none does. */
  get waiting(): { sinceUsec: number } | null {
    return this.#sinceUsec === null ? null : { sinceUsec: this.#sinceUsec };
  }

  /** How often an instance was routed for requests that waited. */
  get count(): number {
    return this.#count;
  }

  get last(): Woken | null {
    return this.#last;
  }

  /** Requests are held since a moment, unless others are held for longer. */
  begin(sinceUsec: number): void {
    this.#sinceUsec ??= sinceUsec;
  }

  /**
   * Waits for a routed instance.
   * @throws NiwaError where requests are refused before, or `signal` is aborted
   */
  wait(nowUsec: number, signal: AbortSignal): Promise<Woken> {
    this.begin(nowUsec);
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      this.#waiters.add(waiter);
      const giveUp = () => {
        if (this.#waiters.delete(waiter)) reject(new NiwaError('STATE_CONFLICT', 'the caller has gone'));
      };
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  /** An instance is routed: nothing waits any more. Gives the wake where something has waited. */
  release(instance: ServiceInstance, nowUsec: number): Woken | null {
    const sinceUsec = this.#sinceUsec;
    if (sinceUsec === null) return null;
    this.#sinceUsec = null;
    this.#count++;
    const latency = latencyOf(instance, sinceUsec, nowUsec);
    this.#last = { instance: instance.id, at: new Date().toISOString(), latency };
    for (const { resolve } of this.#waiters) resolve(this.#last);
    this.#waiters.clear();
    return this.#last;
  }

  /** Requests are refused: nothing waits any more. */
  refuse(cause: RefuseCause, why: string): void {
    this.#sinceUsec = null;
    for (const { reject } of this.#waiters)
      reject(new NiwaError(CODES[cause], `service ${this.#name} was not woken (${cause}): ${why}`));
    this.#waiters.clear();
  }
}

const CODES: Record<RefuseCause, ErrorCode> = {
  backoff: 'START_FAILED',
  'start-failed': 'START_FAILED',
  timeout: 'START_FAILED',
  draining: 'DRAINING',
  'held-at-zero': 'STATE_CONFLICT',
  removed: 'NOT_FOUND',
};

/** The phases of a wake. An instance that ran or was ready before the request was there has phases of 0. */
function latencyOf({ runningUsec, mark }: ServiceInstance, sinceUsec: number, nowUsec: number): WakeLatency {
  const running = Math.max(sinceUsec, runningUsec ?? sinceUsec);
  const ready = Math.max(running, mark.readyUsec ?? running);
  return {
    total_usec: nowUsec - sinceUsec,
    start_usec: running - sinceUsec,
    ready_usec: ready - running,
    route_usec: nowUsec - ready,
  };
}
