import { describe, expect, it } from 'vitest';
import { History } from '../../../src/accounting/history.js';
import { Rounds } from '../../../src/accounting/rounds.js';
import type { Rates } from '../../../src/protocol/usage.js';

const rates = (cpu: number | null): Rates => ({
  interval_usec: 1e6,
  cpu,
  throttled: null,
  rbytes_per_second: 1,
  wbytes_per_second: 2,
  rios_per_second: 3,
  wios_per_second: 4,
  rx_bytes_per_second: null,
  tx_bytes_per_second: null,
});

/** Rounds of the sampler, of which the first `count` are over: round i was at 1,000 i. */
function roundsUntil(count: number): Rounds {
  const rounds = new Rounds();
  for (let i = 1; i <= count; i++) rounds.begin(0, 1000 * i);
  return rounds;
}

/** A history with a point in each of the first rounds, of the number of the round. */
function historyOf(count: number): History {
  const rounds = new Rounds();
  const history = new History();
  for (let i = 1; i <= count; i++) {
    rounds.begin(0, 1000 * i);
    history.add(rounds, rates(i), i);
  }
  return history;
}

describe('the history of a container', () => {
  it('begins empty', () => {
    expect(new History().points()).toEqual([]);
  });

  it('has a point for each reading, null where there is no figure', () => {
    const rounds = new Rounds();
    const history = new History();
    rounds.begin(0, 1_700_000_000_123);
    history.add(rounds, rates(0), 0);
    rounds.begin(0, 1_700_000_001_123);
    history.add(rounds, rates(null), null);
    expect(history.points()).toEqual([
      { at: 1_700_000_000_123, cpu: 0, throttled: null, memory_bytes: 0, rbytes_per_second: 1, wbytes_per_second: 2 },
      {
        at: 1_700_000_001_123,
        cpu: null,
        throttled: null,
        memory_bytes: null,
        rbytes_per_second: 1,
        wbytes_per_second: 2,
      },
    ]);
  });

  it.each([
    [59, 59, 0],
    [60, 60, 0],
    [61, 60, 1],
    [119, 60, 59],
    [120, 60, 60],
    [150, 60, 90],
  ])('after %i readings has %i points, the oldest of them number %i', (count, kept, oldest) => {
    const expected = Array.from({ length: kept }, (_, i) => oldest + i + 1);
    const points = historyOf(count).points();
    expect(points.map(({ cpu }) => cpu)).toEqual(expected);
    expect(points.map(({ at, memory_bytes }) => [at, memory_bytes])).toEqual(expected.map((i) => [1000 * i, i]));
  });

  it.each([1, 20, 59, 60, 200])('a point stands for the %i rounds after it, too', (rounds) => {
    const known = roundsUntil(5);
    const history = new History();
    history.add(known, rates(7), 70);
    for (let i = 1; i <= rounds; i++) known.begin(0, 1000 * (5 + i));
    const points = history.points();
    const shown = Math.min(60, rounds + 1);
    expect(points.map(({ at }) => at)).toEqual(
      Array.from({ length: shown }, (_, i) => 1000 * (6 + rounds - shown + i)),
    );
    expect(new Set(points.map(({ cpu, memory_bytes }) => [cpu, memory_bytes].join()))).toEqual(new Set(['7,70']));
  });

  it('shows each change in the round in which it was read', () => {
    const rounds = roundsUntil(1);
    const history = new History();
    for (const cpu of [1, 1, 1, 2, 2, 1]) {
      history.add(rounds, rates(cpu), 0);
      rounds.begin(0, 0);
    }
    expect(history.points().map(({ cpu }) => cpu)).toEqual([1, 1, 1, 2, 2, 1, 1]);
  });

  it('has no rounds after the end of the container', () => {
    const rounds = roundsUntil(1);
    const history = new History();
    history.add(rounds, rates(1), 0);
    history.end();
    for (let i = 2; i <= 100; i++) rounds.begin(0, 1000 * i);
    expect(history.points().map(({ at, cpu }) => [at, cpu])).toEqual([[1000, 1]]);
  });
});
