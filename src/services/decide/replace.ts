import { formatDuration } from '../../protocol/units.js';
import type { Instance, Situation } from './types.js';

/** What a start is assumed to take before any was measured. */
const FIRST_START_USEC = 2_000_000;

/**
 * So long before its deadline an instance gets no new connections. The kernel ends it at its deadline to the
 * millisecond: what came just before would be cut, and what comes before niwad has un-routed it would be refused.
 */
export const LAST_CONNECTIONS_USEC = 200_000;

/** The time that 95 of 100 starts of the service do not exceed, in microseconds. */
export function usualStart(startTimesUsec: readonly number[]): number {
  const sorted = startTimesUsec.toSorted((a, b) => a - b);
  return sorted[Math.ceil(sorted.length * 0.95) - 1] ?? FIRST_START_USEC;
}

/**
 * When the instances with a deadline need successors, in microseconds of CLOCK_BOOTTIME, by their ids: at deadline -
 * drain - the usual time of a start, but not in the first half of the time in which it can serve, as long as the
 * successor is ready in time: else a lifetime shorter than `drain` would be replaced without end.
 *
 * There is one surplus instance at a time where all slots are in use. So instances whose deadlines are close take
 * turns: each is replaced early enough for the ones after it. Its turn is the same whether it is routed or not: else
 * two could replace each other without end. One that has a successor remains replaced, also when a start has become
 * quicker.
 */
export function replaceTimes(situation: Situation): ReadonlyMap<string, number> {
  const { instances, service, startTimesUsec } = situation;
  const times = new Map<string, number>();
  if (instances.length === 0) return times;
  const startUsec = usualStart(startTimesUsec);
  const turnUsec = startUsec + Math.max(service.drainUsec, LAST_CONNECTIONS_USEC);
  const takeTurns: Instance[] = [];
  for (const one of instances) {
    if (one.phase !== 'ending' && one.deadlineUsec !== null) takeTurns.push(one);
    const span = usableSpan(one, startUsec);
    if (span) times.set(one.id, Math.max(span.from, span.deadline - turnUsec));
  }
  takeTurns.sort((a, b) => (b.deadlineUsec ?? 0) - (a.deadlineUsec ?? 0));
  const atOnce = Math.max(1, service.slots + 1 - takeTurns.length);
  takeTurns.forEach((one, index) => {
    const next = takeTurns[index - atOnce];
    const span = usableSpan(one, startUsec);
    const [own, nextUsec] = [times.get(one.id), next && times.get(next.id)];
    if (span && own !== undefined && nextUsec !== undefined)
      times.set(one.id, Math.max(span.from, Math.min(own, nextUsec - turnUsec)));
  });
  for (const { replaces, phase } of instances) if (replaces !== null && phase !== 'ending') times.set(replaces, 0);
  return times;
}

/** The deadline of an instance that was ready, and the first moment at which it may be replaced. */
function usableSpan({ readyUsec, deadlineUsec }: Instance, startUsec: number) {
  if (readyUsec === null || deadlineUsec === null) return undefined;
  const half = readyUsec + (deadlineUsec - readyUsec) / 2;
  return { from: Math.max(readyUsec, Math.min(half, deadlineUsec - startUsec)), deadline: deadlineUsec };
}

/** Says why an instance is replaced. */
export function whyReplaced(situation: Situation, one: Instance): string {
  const { nowUsec, revision, replaceBelow, service, startTimesUsec } = situation;
  if (!one.isHealthy) return `${one.id} does not answer`;
  if (one.revision < replaceBelow)
    return `${one.id} is of revision ${one.revision}, revision ${revision} is wanted now`;
  const leftUsec = (one.deadlineUsec ?? nowUsec) - nowUsec;
  const [left, drain, start] = [leftUsec, service.drainUsec, usualStart(startTimesUsec)].map(formatDuration);
  return `the lifetime of ${one.id} ends in ${left}: it drains for ${drain}, and a start takes ${start}`;
}
