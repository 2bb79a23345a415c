import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Rounds } from '../../../src/accounting/rounds.js';
import { type Sampled, Sampler } from '../../../src/accounting/sampler.js';
import { FOUND } from '../../../src/kernel/readings.js';
import { FakeKernel } from '../../fake-kernel.js';

/** A container that records the rounds in which it was read. */
class Recorder implements Sampled {
  readonly handle: number;
  readonly readIn: number[] = [];
  /** The first figure of each reading. */
  readonly figures: number[] = [];
  /** The rounds of which it was told that it was idle. */
  readonly toldIdle: number[] = [];
  /** The rounds of which it was told that they found the figures of its last reading. */
  readonly confirmedIn: number[] = [];
  isIdle = false;

  constructor(handle: number) {
    this.handle = handle;
  }
  take({ newest }: Rounds, rows: Float64Array, start: number): void {
    this.readIn.push(newest);
    this.figures.push(rows[start] ?? Number.NaN);
    this.isIdle = false;
  }
  stayIdle({ newest }: Rounds, wasRead: boolean): void {
    (wasRead ? this.confirmedIn : this.toldIdle).push(newest);
    this.isIdle = true;
  }
}

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** Samples containers that are idle from the first round on; `found` is what a round finds where it reads all. */
function sampleIdle(containers: Recorder[], intervalMs: number, rounds: number, found: number = FOUND.read): void {
  const { readings, host } = new FakeKernel();
  const sample = (handles: Uint32Array, _: Float64Array, idle?: Uint8Array) =>
    handles.forEach((_handle, i) => {
      if (idle !== undefined) idle[i] = idle[i] === 0 ? found : FOUND.passedOver;
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

it('a reading that finds the same figures is told as that, also where it is the first after work', () => {
  const containers = [new Recorder(4), new Recorder(1)];
  sampleIdle(containers, 1000, 30, FOUND.unchanged);
  expect(containers.map(({ readIn, toldIdle, confirmedIn }) => [readIn, toldIdle, confirmedIn])).toEqual([
    [[], [1], [6, 16, 26]],
    [[], [1], [9, 19, 29]],
  ]);
});

it('containers that come and go between rounds are told of their own readings', () => {
  const [first, second, third] = [new Recorder(10), new Recorder(11), new Recorder(12)];
  let running = [first, second];
  const { readings, host } = new FakeKernel();
  const sample = (handles: Uint32Array, rows: Float64Array, found?: Uint8Array) =>
    handles.forEach((handle, i) => {
      rows[i * readings.columns.size] = handle;
      if (found !== undefined) found[i] = FOUND.read;
    });
  const sampler = new Sampler(1000, () => running, { host, readings: { ...readings, sample } });
  vi.advanceTimersByTime(1000);
  running = [third, second];
  vi.advanceTimersByTime(1000);
  sampler.stop();
  expect([first, second, third].map(({ readIn }) => readIn)).toEqual([[1], [1, 2], [2]]);
  expect([first, second, third].map(({ figures }) => figures)).toEqual([[10], [11, 11], [12]]);
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
