import { describe, expect, it } from 'vitest';
import { mergeConfig } from '../../../src/daemon/config.js';
import { idRangesOf } from '../../../src/daemon/id-ranges.js';
import { problemsIn, refusal } from '../support.js';

const config = (ranges: object, more: object = {}) =>
  mergeConfig({}, JSON.stringify({ allow: { idRanges: ranges }, ...more }));

describe('ranges of ids on disk', () => {
  it('are given to users by name or number', () => {
    const ranges = { 'web.shop-1': { start: 100_000, count: 65_536 }, 1000: { start: 200_000, count: 1 } };
    expect(config(ranges).allow.idRanges).toEqual(ranges);
  });

  it.each([
    [{ start: 0, count: 1 }],
    [{ start: 999, count: 1 }],
    [{ start: 100_000, count: 0 }],
    [{ start: 100_000, count: 65_537 }],
    [{ start: 100_000 }],
    [{ start: 100_000, count: 1, host: 0 }],
  ])('are refused where one is %j', (range) => {
    expect(problemsIn(() => config({ a: range })).map(({ path }) => path)[0]).toMatch(/^allow\.idRanges\.a/);
  });

  it.each([
    [{ start: 100_010, count: 1 }, 'user a'],
    [{ start: 99_000, count: 1001 }, 'user a'],
    [{ start: 0x7000_0000, count: 1 }, 'idPool'],
    [{ start: 0x6fff_ffff, count: 2 }, 'idPool'],
    [{ start: 65_000, count: 1000 }, 'nobody'],
  ])('have no id of another use: %j', (range, other) => {
    const [problem] = problemsIn(() => config({ a: { start: 100_000, count: 11 }, b: range }));
    expect(problem).toMatchObject({ path: 'allow.idRanges.b', allowed: `ids that ${other} has not` });
  });

  it('follow where the pool of the containers is', () => {
    const idPool = { start: 1_048_576, count: 2 };
    expect(problemsIn(() => config({ a: { start: 1_100_000, count: 5 } }, { idPool }))).toHaveLength(1);
    expect(config({ a: { start: 0x7000_0000, count: 5 } }, { idPool }).idPool).toEqual(idPool);
  });

  it('end with the last id', () => {
    expect(problemsIn(() => config({ a: { start: 4_294_967_290, count: 6 } }))).toHaveLength(1);
    expect(config({ a: { start: 4_294_967_290, count: 5 } }).allow.idRanges).toBeDefined();
  });

  it('are found by the numbers of their users', () => {
    const range = { start: 100_000, count: 5 };
    expect([...idRangesOf({ daemon: range, 4000: range })]).toEqual([
      [4000, { start: 100_000, size: 5 }],
      [1, { start: 100_000, size: 5 }],
    ]);
    for (const [wrong, words] of [
      [{ 'no-such-user': range }, 'not in /etc/passwd'],
      [{ 4294967295: range }, 'not in /etc/passwd'],
      [{ root: range }, 'root has all ids'],
      [{ 0: range }, 'root has all ids'],
      [{ 1: range, daemon: range }, 'a range already'],
    ] as const)
      expect(refusal(() => idRangesOf(wrong))).toMatchObject({
        code: 'HOST_ERROR',
        message: expect.stringContaining(words),
      });
  });
});
