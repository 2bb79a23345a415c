import { expect, it } from 'vitest';
import { Rounds } from '../../../src/accounting/rounds.js';
import { Meter } from '../../../src/engine/meter.js';
import type { SavedState } from '../../../src/engine/saved-state-types.js';
import type { ExitEvent } from '../../../src/kernel/containers.js';
import { FakeKernel } from '../../fake-kernel.js';

const NAMES = [
  'cpu.stat:usage_usec',
  'cpu.stat:nr_periods',
  'cpu.stat:nr_throttled',
  'memory.current',
  'network:rx_bytes',
  'network:tx_bytes',
  'io.stat:wbytes',
  'io.stat:rios',
  'io.stat:rbytes',
];
const SECOND = 1e6;

/**
 * A meter, the time of its first reading, ways to let a round of the sampler read it or pass over it, and one to make
 * rows: figures that are not named are 0.
 */
function newMeter(saved: SavedState | null = null) {
  const kernel = new FakeKernel();
  const readings = { ...kernel.readings, columns: new Map(NAMES.map((name, i) => [name, i])) };
  const meter = new Meter({ handle: 1, pid: 1, startTicks: 0n, hasInit: false }, saved, () => {}, { readings });
  const begun = meter.memory.usec + SECOND;
  const row = (figures: Record<string, number>) => Float64Array.from(NAMES, (name) => figures[name] ?? 0);
  const rounds = new Rounds();
  const take = (usec: number, figures: Float64Array) => {
    rounds.begin(usec, usec / 1000);
    meter.take(rounds, figures, 0);
  };
  const stayIdle = (usec: number, wasRead = false) => {
    rounds.begin(usec, usec / 1000);
    if (!meter.isIdle || wasRead) meter.stayIdle(rounds, wasRead);
  };
  return { meter, begun, row, take, stayIdle };
}

it('an idle container has the memory of its last reading until the last idle round', () => {
  const { meter, begun, take, stayIdle } = newMeter();
  take(begun, Float64Array.of(500, 0, 0, 1000));
  for (let round = 1; round <= 8; round++) stayIdle(begun + round * SECOND);
  expect(meter.memory).toEqual({ byteSeconds: 9000, usec: begun + 8 * SECOND, bytes: 1000 });
  take(begun + 9 * SECOND, Float64Array.of(900, 5, 2, 5000)); // it wakes, and takes much memory
  expect(meter.memory.byteSeconds).toBe(9000 + 3000);
});

it('rates and throttling of what wakes are of the last interval alone, and zero before', () => {
  const { meter, begun, take, stayIdle } = newMeter();
  take(begun, Float64Array.of(0, 0, 0, 1000));
  take(begun + SECOND, Float64Array.of(SECOND, 10, 5, 1000));
  expect(meter.rates()).toMatchObject({ cpu: 1, interval_usec: SECOND });
  for (let round = 2; round <= 4; round++) {
    stayIdle(begun + round * SECOND);
    expect(meter.rates()).toMatchObject({ cpu: 0, interval_usec: SECOND });
    expect(meter.throttling()).toEqual({
      ...{ atUsec: begun + round * SECOND, intervalUsec: SECOND, usageUsec: 0, periods: 0, throttledPeriods: 0 },
    });
  }
  take(begun + 5 * SECOND, Float64Array.of(1.5 * SECOND, 20, 9, 1000));
  expect(meter.rates()).toMatchObject({ cpu: 0.5, interval_usec: SECOND });
  expect(meter.throttling()).toMatchObject({ intervalUsec: SECOND, periods: 10, throttledPeriods: 4 });
  expect(meter.history.points().map(({ cpu }) => cpu)).toEqual([1, 0, 0, 0, 0.5]);
});

it('the history has a point for each round until the end, and none after it', () => {
  const { meter, begun, take, stayIdle } = newMeter();
  const at = (round: number) => (begun + round * SECOND) / 1000;
  take(begun, Float64Array.of(0, 0, 0, 1000));
  take(begun + SECOND, Float64Array.of(SECOND, 0, 0, 1000));
  for (const round of [2, 3, 4]) stayIdle(begun + round * SECOND);
  const points = [1, 2, 3, 4].map((round) => [at(round), round === 1 ? 1 : 0, 1000]);
  const told = () => meter.history.points().map(({ at, cpu, memory_bytes }) => [at, cpu, memory_bytes]);
  expect(told()).toEqual(points);
  meter.takeLast({
    atNs: BigInt((begun + 4.5 * SECOND) * 1000),
    row: Float64Array.of(SECOND),
    ioStat: '',
  } as ExitEvent);
  for (const round of [5, 6]) take(begun + round * SECOND, Float64Array.of(0));
  expect(told()).toEqual(points);
});

it('an idle round leaves what was told of it, once its rates are zero', () => {
  const { meter, begun, take, stayIdle } = newMeter();
  take(begun, Float64Array.of(500, 0, 0, 1000));
  stayIdle(begun + SECOND);
  const { readings, activeUsec } = meter;
  stayIdle(begun + 2 * SECOND);
  expect(meter.readings).toBe(readings);
  take(begun + 3 * SECOND, Float64Array.of(500, 0, 0, 900));
  expect(meter.readings).toBe(readings + 1);
  expect([activeUsec, meter.activeUsec]).toEqual([begun, begun]);
});

it('an idle round that finds the same figures is a newer reading of them', () => {
  const { meter, begun, take, stayIdle } = newMeter();
  take(begun, Float64Array.of(500, 0, 0, 1000));
  stayIdle(begun + SECOND);
  const { readings } = meter;
  stayIdle(begun + 2 * SECOND);
  expect(meter.readAt?.getTime()).toBe(Math.trunc(begun / 1000));
  stayIdle(begun + 3 * SECOND, true);
  expect(meter.readAt?.getTime()).toBe(Math.trunc((begun + 3 * SECOND) / 1000));
  expect(meter.readings).toBe(readings + 1);
  expect(meter.rates()).toMatchObject({ cpu: 0, interval_usec: SECOND });
  expect(meter.memory).toEqual({ byteSeconds: 4000, usec: begun + 3 * SECOND, bytes: 1000 });
});

it.each(['network:rx_bytes', 'network:tx_bytes', 'io.stat:wbytes', 'io.stat:rios'])(
  'a container is active where only its %s grows',
  (name) => {
    const { meter, begun, row, take } = newMeter();
    take(begun, row({}));
    take(begun + SECOND, row({}));
    expect(meter.activeUsec).toBe(begun);
    take(begun + 2 * SECOND, row({ [name]: 100 }));
    take(begun + 3 * SECOND, row({ [name]: 100 }));
    expect(meter.activeUsec).toBe(begun + 2 * SECOND);
  },
);

/** Of a group that had gone before the last reading. */
const goneAt = (usec: number) =>
  ({ atNs: BigInt(usec * 1000), row: new Float64Array(NAMES.length).fill(Number.NaN), ioStat: '' }) as ExitEvent;

it.each([0, 1])(
  'a group that has gone leaves the use of the last reading, also after %i rounds without it',
  (rounds) => {
    const { meter, begun, row, take } = newMeter();
    take(begun, row({ 'cpu.stat:usage_usec': 500, 'memory.current': 1000, 'io.stat:wbytes': 70 }));
    for (let round = 1; round <= rounds; round++) take(begun + round * SECOND, goneAt(begun).row);
    if (rounds > 0) expect(meter.usage().cpu.usage_usec).toBe(500);
    meter.takeLast(goneAt(begun + 2 * SECOND));
    expect(meter.usage()).toMatchObject({ cpu: { usage_usec: 500 }, memory: { current: 1000 }, io: { wbytes: 70 } });
    expect(meter.memory.byteSeconds).toBe(3000);
  },
);

it('a group that has gone before the first reading of this niwad leaves the use that the earlier one saved', () => {
  const usage = { cpu: { usage_usec: 400 } };
  const { meter, begun } = newMeter({
    usage,
    memory: { byteSeconds: 0, usec: 0, bytes: null },
  } as unknown as SavedState);
  meter.takeLast(goneAt(begun));
  expect(meter.usage()).toEqual(usage);
});

it('the use is not known where no reading ever was', () => {
  const { meter, begun } = newMeter();
  meter.takeLast(goneAt(begun));
  expect(meter.usage().cpu.usage_usec).toBeNull();
});
