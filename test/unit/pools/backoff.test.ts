import { describe, expect, it } from 'vitest';
import { Backoff, backoffUsec } from '../../../src/pools/backoff.js';

const SECOND = 1e6;

it.each([
  [0, 1],
  [1, 2],
  [5, 32],
  [6, 60],
  [5000, 60],
])('after %i failures the next one makes a pause of %i s', (before, seconds) => {
  expect(backoffUsec(before)).toBe(seconds * SECOND);
});

describe('the failures in a row', () => {
  it('each make a pause, and the last one is kept', () => {
    const backoff = new Backoff();
    expect(backoff.isPausing(0)).toBe(false);
    backoff.fail('one', 10 * SECOND);
    expect([backoff.isPausing(11 * SECOND - 1), backoff.isPausing(11 * SECOND)]).toEqual([true, false]);
    backoff.fail('two', 11 * SECOND);
    expect([backoff.isPausing(13 * SECOND - 1), backoff.isPausing(13 * SECOND)]).toEqual([true, false]);
    expect(backoff).toMatchObject({ count: 2, last: { message: 'two' } });
  });

  it('end with a container that waits longer than the last pause, and was made after the last failure', () => {
    const backoff = new Backoff();
    backoff.fail('one', 10 * SECOND);
    backoff.fail('two', 11 * SECOND);
    backoff.hearWaiting(9 * SECOND, 100 * SECOND); // it was there before
    backoff.hearWaiting(13 * SECOND, 15 * SECOND - 1);
    expect(backoff.count).toBe(2);
    backoff.hearWaiting(13 * SECOND, 15 * SECOND);
    expect(backoff).toMatchObject({ count: 0, last: null });
    backoff.fail('three', 20 * SECOND);
    expect(backoff.isPausing(21 * SECOND)).toBe(false);
  });

  it('end at once where something else says so', () => {
    const backoff = new Backoff();
    backoff.fail('one', SECOND);
    backoff.succeed();
    expect(backoff).toMatchObject({ count: 0, last: null });
    expect(backoff.isPausing(SECOND)).toBe(false);
  });
});
