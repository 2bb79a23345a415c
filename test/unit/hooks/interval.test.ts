import { expect, it } from 'vitest';
import { nextDue, repeat } from '../../../src/hooks/interval.js';
import { TestClock } from './clock.js';

it.each([
  [0, 10, 0, 10],
  [0, 10, 3, 10],
  [0, 10, 10, 10],
  [0, 10, 11, 20],
  [5, 10, 47, 55],
])('of times from %i on, %i apart, the next after %i is %i', (due, every, now, next) => {
  expect(nextDue(due, every, now)).toBe(next);
});

it('runs at its times, one at a time, and leaves out those that a long run missed', async () => {
  const clock = new TestClock();
  const end = new AbortController();
  const begun: number[] = [];
  const task = async () => {
    begun.push(clock.nowUsec());
    clock.spend(begun.length === 2 ? 25 : 3);
    if (begun.length === 5) end.abort();
  };
  await repeat(10, 4, task, end.signal, clock);
  expect(begun).toEqual([4, 14, 44, 54, 64]);
});

it('does not begin where it is ended before its first time', async () => {
  const end = new AbortController();
  end.abort();
  await repeat(10, 0, () => expect.unreachable('it ran'), end.signal, new TestClock());
});
