import { describe, expect, it } from 'vitest';
import { quantile, summarize } from '../../bench/harness/statistics.mjs';

describe('quantile', () => {
  it('lies between the two nearest values', () => {
    expect(quantile([10, 20, 30, 40], 0.5)).toBe(25);
    expect(quantile([10, 20, 30, 40], 0)).toBe(10);
    expect(quantile([10, 20, 30, 40], 1)).toBe(40);
    expect(quantile([7], 0.99)).toBe(7);
  });
});

describe('summarize', () => {
  it('takes the values in any order, and as numbers', () => {
    const values = Array.from({ length: 101 }, (_, i) => 100 - i);
    expect(summarize(values)).toEqual({ n: 101, median: 50, p95: 95, p99: 99, max: 100 });
    expect(summarize([9, 100, 20]).median).toBe(20);
  });

  it('leaves its argument as it is', () => {
    const values = [3, 1, 2];
    summarize(values);
    expect(values).toEqual([3, 1, 2]);
  });

  it('says that nothing was measured', () => {
    expect(() => summarize([])).toThrow(RangeError);
  });
});
