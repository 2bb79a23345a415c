import type { InstancePhase, ServiceCounters, ServiceFigures, WakeLatency } from '../protocol/services.js';
import { countersSince, NO_COUNTERS } from './counters.js';

export const MINUTE_USEC = 60_000_000;

/** The figures of one service in the minute that goes on. Its times are of CLOCK_BOOTTIME, which nobody can set. */
export class Minute {
  #sinceUsec: number;
  #endsUsec: number;
  #before: ServiceCounters = NO_COUNTERS;
  #slotsUsed = 0;
  #shares: number[] = [];
  #slowest: WakeLatency | null = null;

  /** @param firstUsec the length of the first one; it differs, so that not all services end theirs at once */
  constructor(nowUsec: number, firstUsec: number) {
    this.#sinceUsec = nowUsec;
    this.#endsUsec = nowUsec + firstUsec;
  }

  /** Looks at the service, each second. `throttledShare` is null where it is not known. */
  see(slotsUsed: number, throttledShare: number | null): void {
    this.#slotsUsed = Math.max(this.#slotsUsed, slotsUsed);
    if (throttledShare !== null) this.#shares.push(throttledShare);
  }

  /** A wake has ended with a routed instance. */
  takeWake(latency: WakeLatency): void {
    if (latency.total_usec >= (this.#slowest?.total_usec ?? 0)) this.#slowest = latency;
  }

  isOver(nowUsec: number): boolean {
    return nowUsec >= this.#endsUsec;
  }

  /**
   * Ends the minute, and begins the next one. Gives null where nothing has happened, and no instance was there.
   * @param counters what was counted by this niwad
   * @param phases those of the instances that are there
   */
  end(
    nowUsec: number,
    counters: ServiceCounters,
    phases: readonly InstancePhase[],
    wallMs = Date.now(),
  ): ServiceFigures | null {
    const { requests_held_now: _, ...since } = countersSince(this.#before, counters);
    const slots_used = Math.max(this.#slotsUsed, phases.length);
    const figures: ServiceFigures = {
      at: new Date(wallMs).toISOString(),
      seconds: Math.round((nowUsec - this.#sinceUsec) / 1e5) / 10,
      ...since,
      slowest_wake: this.#slowest,
      instances: countsOf(phases),
      slots_used,
      throttled_share: meanOf(this.#shares),
    };
    this.#begin(nowUsec, counters);
    return slots_used > 0 || isAny(since) ? figures : null;
  }

  #begin(nowUsec: number, counters: ServiceCounters): void {
    this.#sinceUsec = nowUsec;
    this.#endsUsec = nowUsec + MINUTE_USEC;
    this.#before = counters;
    this.#slotsUsed = 0;
    this.#shares = [];
    this.#slowest = null;
  }
}

/** Whether any of the counters has counted. */
function isAny(counters: Omit<ServiceCounters, 'requests_held_now'>): boolean {
  const { refused, failures, ...totals } = counters;
  return [totals, refused, failures].some((some) => Object.values(some).some((count) => count > 0));
}

function countsOf(phases: readonly InstancePhase[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const phase of phases) counts[phase] = (counts[phase] ?? 0) + 1;
  return counts;
}

function meanOf(shares: readonly number[]): number | null {
  if (shares.length === 0) return null;
  return Math.round((shares.reduce((sum, share) => sum + share, 0) / shares.length) * 1000) / 1000;
}
