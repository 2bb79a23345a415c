import { describe, expect, it } from 'vitest';
import { compare, toComparisonTable } from '../../bench/harness/compare.mjs';

/** Times around a median, each a little different, in no order. */
const around = (median: number, share = 0.02) =>
  Array.from({ length: 200 }, (_, i) => median * (1 + share * Math.sin(i * 7)));

const slowerOf = (old: number[], again: number[], fresh: number[]) =>
  compare('start', { old, again, fresh }).map(({ slower }) => slower);

describe('compare', () => {
  it('gives p10, median and p95 of each, and the ratio to both runs of the old build', () => {
    const [p10, median, p95] = compare('start', { old: around(100), again: around(102), fresh: around(111) });
    expect([p10?.statistic, median?.statistic, p95?.statistic]).toEqual(['p10', 'median', 'p95']);
    expect(median?.old).toBeCloseTo(100, 0);
    expect(median?.again).toBeCloseTo(102, 0);
    expect(median?.fresh).toBeCloseTo(111, 0);
    expect(median?.ratio).toBeCloseTo(111 / 101, 2);
    expect(Number(p10?.old)).toBeLessThan(Number(p95?.old));
  });

  it('finds nothing slower in the same build', () => {
    expect(slowerOf(around(100), around(100), around(100))).toEqual([false, false, false]);
    expect(slowerOf(around(100), around(100), around(90))).toEqual([false, false, false]);
  });

  it('finds a build that is slower by more than 3 % and the spread', () => {
    expect(slowerOf(around(100), around(100), around(110))).toEqual([true, true, true]);
    expect(slowerOf(around(100), around(100), around(102))).toEqual([false, false, false]);
  });

  it('takes what the old build differs from itself for the spread', () => {
    const [, median] = compare('start', { old: around(100), again: around(110), fresh: around(110) });
    expect(median?.spread).toBeGreaterThan(0.09);
    expect(median?.slower).toBe(false);
  });

  it('says the same each time', () => {
    const times = { old: around(100), again: around(101), fresh: around(105) };
    expect(compare('start', times)).toEqual(compare('start', times));
  });
});

it('toComparisonTable shows microseconds, the spread in percent and the verdict', () => {
  const numbers = { old: 1000.4, again: 1010, fresh: 1100, spread: 0.0123, ratio: 1.0945, slower: true };
  expect(toComparisonTable([{ what: 'start', statistic: 'median', ...numbers }]).split('\n')[2]).toBe(
    '| start | median | 1000 | 1010 | 1100 | 1.2 % | 1.095 | yes |',
  );
});
