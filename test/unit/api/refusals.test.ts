import { afterEach, expect, it, vi } from 'vitest';
import { Refusals } from '../../../src/api/refusals.js';

afterEach(() => void vi.useRealTimers());

it('tells so many of a user and of all in a minute, then the number of the others', () => {
  vi.useFakeTimers();
  const left: number[] = [];
  const refusals = new Refusals((count) => left.push(count));
  const told = (uid: number, times: number) =>
    Array.from({ length: times }, () => refusals.mayTell(uid)).filter(Boolean);
  expect(told(7, 100)).toHaveLength(60);
  expect(told(8, 5)).toHaveLength(5);
  for (let uid = 100; uid < 200; uid++) told(uid, 60);
  expect(told(9, 1)).toHaveLength(0);
  vi.advanceTimersByTime(60_000);
  expect(left).toEqual([100 + 5 + 6000 + 1 - 600]);
  expect(told(7, 3)).toHaveLength(3);
  vi.advanceTimersByTime(60_000);
  expect(left).toHaveLength(1);
});
