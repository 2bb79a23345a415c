import { describe, expect, it } from 'vitest';
import { History } from '../../../src/accounting/history.js';
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

function historyOf(count: number): History {
  const history = new History();
  for (let i = 0; i < count; i++) history.add(1000 * i, rates(i), i);
  return history;
}

describe('the history of a container', () => {
  it('begins empty', () => {
    expect(new History().points()).toEqual([]);
  });

  it('has a point for each reading, null where there is no figure', () => {
    const history = new History();
    history.add(1_700_000_000_123, rates(0), 0);
    history.add(1_700_000_001_123, rates(null), null);
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
    const expected = Array.from({ length: kept }, (_, i) => oldest + i);
    const points = historyOf(count).points();
    expect(points.map(({ cpu }) => cpu)).toEqual(expected);
    expect(points.map(({ at, memory_bytes }) => [at, memory_bytes])).toEqual(expected.map((i) => [1000 * i, i]));
  });
});
