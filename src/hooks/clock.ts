import { setTimeout as sleep } from 'node:timers/promises';
import { kernel } from '../kernel/addon.js';

/** What loops need of time; tests have one of their own. */
export interface Clock {
  /** In microseconds, since any moment. */
  nowUsec(): number;
  /** Waits; resolves at once when `signal` is aborted. */
  sleep(usec: number, signal: AbortSignal): Promise<void>;
}

/** CLOCK_BOOTTIME, as everywhere: nobody can set it. */
export const boottime: Clock = {
  nowUsec: () => Number(kernel.host.boottimeNs() / 1000n),
  sleep: async (usec, signal) => {
    await sleep(usec / 1000, undefined, { signal }).catch(() => {});
  },
};
