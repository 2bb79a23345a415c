import { setTimeout as sleep } from 'node:timers/promises';
import { kernel } from '../kernel/addon.js';

/** The clock of the loops; tests use a clock of their own. */
export interface Clock {
  /** The time in microseconds, counted from any moment. */
  nowUsec(): number;
  /** Waits; resolves at once when `signal` is aborted. */
  sleep(usec: number, signal: AbortSignal): Promise<void>;
}

/** CLOCK_BOOTTIME, like everywhere in niwa: setting the wall clock does not change it. */
export const boottime: Clock = {
  nowUsec: () => Number(kernel.host.boottimeNs() / 1000n),
  sleep: async (usec, signal) => {
    await sleep(usec / 1000, undefined, { signal }).catch(() => {});
  },
};
