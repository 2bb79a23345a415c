import { describe, expect, it } from 'vitest';
import { awaitReady } from '../../../src/hooks/readiness.js';
import { TestClock } from './clock.js';

const never = new AbortController().signal;
const times = { everyUsec: 100, untilUsec: 1000 };

describe('a container', () => {
  it('is ready when the check says so, and tried at its interval until then', async () => {
    const clock = new TestClock();
    const tried: number[] = [];
    const check = async () => {
      tried.push(clock.nowUsec());
      if (tried.length === 2) throw new Error('refused');
      clock.spend(7);
      return tried.length === 4;
    };
    expect(await awaitReady(times, check, never, clock)).toBe(307);
    expect(tried).toEqual([0, 100, 200, 300]);
  });

  it('is not ready when its time is over', async () => {
    const clock = new TestClock();
    let tries = 0;
    const check = async () => ++tries > 100;
    expect(await awaitReady(times, check, never, clock)).toBeNull();
    expect([tries, clock.nowUsec()]).toEqual([10, 1000]);
  });

  it('is not waited for longer than its time by a check that hangs, which is told to end', async () => {
    const clock = new TestClock();
    let ended = 0;
    const check = (signal: AbortSignal) =>
      new Promise<boolean>(() => signal.addEventListener('abort', () => ended++, { once: true }));
    expect(await awaitReady(times, check, never, clock)).toBeNull();
    expect([ended, clock.nowUsec()]).toEqual([1, 1000]);
  });

  it('is tried again where one try hangs for five seconds', async () => {
    const clock = new TestClock();
    let tries = 0;
    const check = () => (++tries < 3 ? new Promise<boolean>(() => {}) : Promise.resolve(true));
    const readyAt = await awaitReady({ everyUsec: 100, untilUsec: 60e6 }, check, never, clock);
    expect([tries, readyAt]).toEqual([3, 10e6]);
  });

  it('is no longer tried when that is ended', async () => {
    const end = new AbortController();
    let tries = 0;
    const check = async () => {
      if (++tries === 2) end.abort();
      return false;
    };
    expect(await awaitReady(times, check, end.signal, new TestClock())).toBeNull();
    expect(tries).toBe(2);
  });
});
