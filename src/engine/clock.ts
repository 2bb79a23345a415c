import { kernel } from '../kernel/addon.js';

/** How long the readings of two clocks may take together to belong to one moment. */
const MOST_BETWEEN_NS = 1_000_000n;

/** Now in microseconds of CLOCK_BOOTTIME. */
export function usecNow(): number {
  return Number(kernel.host.boottimeNs() / 1000n);
}

/**
 * So often the clocks are read anew: on a machine on which a reading itself takes that long, the last pair is taken.
 */
const TRIES = 10;

/**
 * Gives the wall time of a moment of CLOCK_BOOTTIME, by the current setting of the wall clock. On a busy machine this
 * thread may lose its processor between the readings of the two clocks, for many milliseconds: then both are read anew.
 */
export function wallTime(ns: bigint): Date {
  let beforeNs = kernel.host.boottimeNs();
  for (let tries = 1; ; tries++) {
    const wallMs = Date.now();
    const afterNs = kernel.host.boottimeNs();
    if (afterNs - beforeNs < MOST_BETWEEN_NS || tries === TRIES) {
      return new Date(wallMs - Number((afterNs - ns) / 1_000_000n));
    }
    beforeNs = afterNs;
  }
}
