import { kernel } from '../kernel/addon.js';

/** Now in microseconds of CLOCK_BOOTTIME. */
export function usecNow(): number {
  return Number(kernel.host.boottimeNs() / 1000n);
}

/** Gives the wall time of a moment of CLOCK_BOOTTIME, by the current setting of the wall clock. */
export function wallTime(ns: bigint): Date {
  return new Date(Date.now() - Number((kernel.host.boottimeNs() - ns) / 1_000_000n));
}
