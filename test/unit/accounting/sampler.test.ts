import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Rounds } from '../../../src/accounting/rounds.js';
import { type Sampled, Sampler } from '../../../src/accounting/sampler.js';
import { FakeKernel } from '../../fake-kernel.js';

/** A container that records the rounds in which it was read. */
class Recorder implements Sampled {
  readonly handle: number;
  readonly readIn: number[] = [];
  /** The rounds of which it was told that it was idle. */
  readonly toldIdle: number[] = [];
  isIdle = false;

  constructor(handle: number) {
    this.handle = handle;
  }
  take({ newest }: Rounds): void {
    this.readIn.push(newest);
    this.isIdle = false;
  }
  stayIdle({ newest }: Rounds): void {
    this.toldIdle.push(newest);
    this.isIdle = true;
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Samples containers that are idle from the first round on. */
function sampleIdle(containers: Recorder[], intervalMs: number, rounds: number): void {
  const { readings, host } = new FakeKernel();
  const sample = (handles: Uint32Array, _: Float64Array, idle?: Uint8Array) =>
    handles.forEach((_handle, i) => {
      if (idle !== undefined) idle[i] = idle[i] === 0 ? 0 : 1;
    });
  const sampler = new Sampler(intervalMs, () => containers, { host, readings: { ...readings, sample } });
  vi.advanceTimersByTime(rounds * intervalMs);
  sampler.stop();
}

it('an idle container is read in one of ten rounds, and not all in the same', () => {
  const containers = Array.from({ length: 20 }, (_, i) => new Recorder(i + 1));
  sampleIdle(containers, 1000, 30);
  for (const { readIn } of containers) {
    expect(readIn).toHaveLength(3);
    expect(readIn.slice(1).map((round, i) => round - (readIn[i] ?? 0))).toEqual([10, 10]);
  }
  expect(new Set(containers.map(({ readIn }) => readIn[0])).size).toBe(10);
});

it('is told once that a container stays idle, until it is read again', () => {
  const container = new Recorder(4);
  sampleIdle([container], 1000, 30);
  expect(container.readIn).toEqual([6, 16, 26]);
  expect(container.toldIdle).toEqual([1, 7, 17, 27]);
});

it.each([
  [100, 10],
  [2000, 5],
  [10_000, 1],
  [60_000, 1],
])('with an interval of %i ms it is read in one of %i rounds', (intervalMs, every) => {
  const container = new Recorder(1);
  sampleIdle([container], intervalMs, 20);
  expect(container.readIn).toHaveLength(20 / every);
});
