import { afterEach, expect, it, vi } from 'vitest';
import { wallTime } from '../../../src/engine/clock.js';
import { kernel } from '../../../src/kernel/addon.js';

const ROUNDING_MS = 3;
const now = Date.now;
afterEach(() => void vi.restoreAllMocks());

it('the wall time of a moment is right where the thread is held up between two clocks', () => {
  const before = now();
  const moment = kernel.host.boottimeNs();
  const after = now();
  const clock = vi.spyOn(Date, 'now').mockImplementationOnce(() => {
    const read = now();
    while (now() < read + 30);
    return read;
  });
  const told = wallTime(moment).getTime();
  expect(clock.mock.calls.length).toBeGreaterThan(1);
  expect(told).toBeGreaterThanOrEqual(before - ROUNDING_MS);
  expect(told).toBeLessThanOrEqual(after + ROUNDING_MS);
});

it('the wall time is told also where each reading of the clocks takes long', () => {
  vi.spyOn(Date, 'now').mockImplementation(() => {
    const read = now();
    while (now() < read + 2);
    return read;
  });
  expect(Math.abs(wallTime(kernel.host.boottimeNs()).getTime() - now())).toBeLessThan(1000);
});
