import { expect, it } from 'vitest';
import { countersOf, NO_COUNTERS } from '../../../src/services/counters.js';
import { MINUTE_USEC, Minute } from '../../../src/services/minute.js';

const S = 1_000_000;
const AT = Date.parse('2026-11-01T00:00:00.000Z');
const latency = (total_usec: number) => ({ total_usec, start_usec: total_usec, ready_usec: 0, route_usec: 0 });

it('a minute has what was counted since the one before', () => {
  const minute = new Minute(10 * S, 5 * S);
  expect(minute.isOver(15 * S - 1)).toBe(false);
  expect(minute.isOver(15 * S)).toBe(true);
  minute.see(3, 0.5);
  minute.see(2, null);
  minute.see(2, 0.25);
  for (const usec of [20, 900, 30]) minute.takeWake(latency(usec));
  const counters = { ...NO_COUNTERS, requests_held: 4, wakes: 3, connections: 100, failures: { exited: 1 } };
  expect(minute.end(15.04 * S, counters, ['routed', 'routed'], AT)).toEqual({
    ...{ at: '2026-11-01T00:00:00.000Z', seconds: 5, requests_held: 4, wakes: 3, slowest_wake: latency(900) },
    ...{ connections: 100, instances: { routed: 2 }, slots_used: 3, throttled_share: 0.375, replacements: 0 },
    ...{ refused: {}, failures: { exited: 1 } },
  });
  expect(minute.isOver(15.04 * S + MINUTE_USEC - 1)).toBe(false);
  expect(minute.isOver(15.04 * S + MINUTE_USEC)).toBe(true);
  const later = { ...counters, connections: 130, refused: { 'queue-full': 2 }, failures: { exited: 1, sick: 1 } };
  expect(minute.end(75.04 * S, later, [], AT)).toEqual({
    ...{ at: '2026-11-01T00:00:00.000Z', seconds: 60, requests_held: 0, wakes: 0, slowest_wake: null },
    ...{ connections: 30, instances: {}, slots_used: 0, throttled_share: null, replacements: 0 },
    ...{ refused: { 'queue-full': 2 }, failures: { sick: 1 } },
  });
});

it('a minute without an instance in which nothing happened has no figures', () => {
  const minute = new Minute(0, MINUTE_USEC);
  const counters = { ...NO_COUNTERS, wakes: 2, requests_held_now: 1 };
  expect(minute.end(MINUTE_USEC, counters, [])).not.toBe(null);
  expect(minute.end(2 * MINUTE_USEC, counters, [])).toBe(null);
  expect(minute.end(3 * MINUTE_USEC, counters, ['frozen'])).toMatchObject({ instances: { frozen: 1 }, wakes: 0 });
});

it('a counter that has begun anew counts from there', () => {
  const minute = new Minute(0, MINUTE_USEC);
  minute.end(MINUTE_USEC, { ...NO_COUNTERS, connections: 50 }, []);
  expect(minute.end(2 * MINUTE_USEC, { ...NO_COUNTERS, connections: 7 }, [])).toMatchObject({ connections: 7 });
});

it('a wall clock that was set back or ahead changes only what is written as the time', () => {
  const minute = new Minute(0, MINUTE_USEC);
  const figures = [AT, AT - 86_400_000, AT + 86_400_000].map((at, i) =>
    minute.end((i + 1) * MINUTE_USEC, NO_COUNTERS, ['routed'], at),
  );
  expect(figures.map((one) => one?.seconds)).toEqual([60, 60, 60]);
});

it('the counters of a service go on from those of the niwad before', () => {
  const earlier = { ...NO_COUNTERS, requests_held_now: 5, wakes: 2, connections: 10, failures: { exited: 1 } };
  const path = { connections: 5, byInstance: new Map(), held: 3, heldNow: 1, refused: new Map([['rate', 4]]) };
  const starts = { byReason: new Map([['exited', 2]]) };
  expect(countersOf({ earlier, counts: path, wakes: { count: 1 }, replacements: 6, starts })).toEqual({
    ...{ requests_held: 3, requests_held_now: 1, wakes: 3, connections: 15, replacements: 6 },
    ...{ refused: { rate: 4 }, failures: { exited: 3 } },
  });
  expect(
    countersOf({ earlier, counts: null, wakes: { count: 0 }, replacements: 0, starts: { byReason: new Map() } }),
  ).toEqual({ ...earlier, requests_held_now: 0 });
});
