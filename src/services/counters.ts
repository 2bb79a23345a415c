import type { PathCounts } from '../network/services/types.js';
import type { ServiceCounters } from '../protocol/services.js';

/** Where the counters of a service come from: its path, and what this niwad has done for it. */
interface Counted {
  counts: PathCounts | null;
  wakes: { count: number };
  replacements: number;
  starts: { byReason: ReadonlyMap<string, number> };
}

export const NO_COUNTERS: ServiceCounters = {
  requests_held: 0,
  requests_held_now: 0,
  wakes: 0,
  connections: 0,
  replacements: 0,
  refused: {},
  failures: {},
};

/** Gives what this niwad has counted. */
export function ownCounters({ counts, wakes, replacements, starts }: Counted): ServiceCounters {
  return {
    requests_held: counts?.held ?? 0,
    requests_held_now: counts?.heldNow ?? 0,
    wakes: wakes.count,
    connections: counts?.connections ?? 0,
    replacements,
    refused: Object.fromEntries(counts?.refused ?? []),
    failures: Object.fromEntries(starts.byReason),
  };
}

/** Gives what all niwads have counted: `earlier` those before this one. */
export function countersOf(counted: Counted & { earlier: ServiceCounters }): ServiceCounters {
  return merged(counted.earlier, ownCounters(counted), (before, now) => before + now);
}

/** Gives what was counted between two looks. A counter that is below the earlier look has begun anew. */
export function countersSince(before: ServiceCounters, now: ServiceCounters): ServiceCounters {
  return merged(before, now, (was, is) => (is >= was ? is - was : is));
}

/** Joins two lots of counters. What is held now is that of `b`, and no sum. Reasons without a count are left out. */
function merged(a: ServiceCounters, b: ServiceCounters, join: (a: number, b: number) => number): ServiceCounters {
  const byReason = (name: 'refused' | 'failures') => {
    const reasons = [...new Set([...Object.keys(a[name]), ...Object.keys(b[name])])];
    const joined = reasons.map((reason) => [reason, join(a[name][reason] ?? 0, b[name][reason] ?? 0)] as const);
    return Object.fromEntries(joined.filter(([, count]) => count > 0));
  };
  return {
    requests_held: join(a.requests_held, b.requests_held),
    requests_held_now: b.requests_held_now,
    wakes: join(a.wakes, b.wakes),
    connections: join(a.connections, b.connections),
    replacements: join(a.replacements, b.replacements),
    refused: byReason('refused'),
    failures: byReason('failures'),
  };
}
