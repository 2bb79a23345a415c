import { describe, expect, it } from 'vitest';
import { BlockIo, IO_KEYS } from '../../../src/accounting/block-io.js';
import { figure, indexColumns } from '../../../src/accounting/columns.js';
import { toUsage } from '../../../src/accounting/usage.js';

/** A reading with these figures; every other one that a host can give is missing. */
function reading(figures: Record<string, number>) {
  const names = [...Object.keys(figures), 'pids.peak', 'memory.peak'].filter((name, i, all) => all.indexOf(name) === i);
  const row = Float64Array.from(names, (name) => figures[name] ?? Number.NaN);
  return { row, columns: indexColumns(names) };
}
const usageOf = (figures: Record<string, number>, ioStat = '') => {
  const { row, columns } = reading(figures);
  return toUsage(row, columns, new BlockIo(() => []).sum(ioStat));
};

describe('a figure', () => {
  it('is null where the host does not give it, and 0 where it is 0', () => {
    const { row, columns } = reading({ 'pids.current': 0, 'pids.peak': Number.NaN });
    expect(figure(row, columns, 'pids.current')).toBe(0);
    expect(figure(row, columns, 'pids.peak')).toBeNull();
    expect(figure(row, columns, 'no.such')).toBeNull();
  });
});

describe('usage', () => {
  it('has null for every part that the host does not count', () => {
    const none = { usage_usec: null, user_usec: null, system_usec: null, nr_periods: null };
    expect(usageOf({})).toEqual({
      cpu: { ...none, nr_throttled: null, throttled_usec: null, nr_bursts: null, burst_usec: null },
      io: null,
      memory: null,
      pids: null,
      network: null,
      pressure: { cpu: null, memory: null, io: null },
    });
  });

  it('has the time of a host without controllers', () => {
    const { cpu } = usageOf({ 'cpu.stat:usage_usec': 30, 'cpu.stat:user_usec': 10, 'cpu.stat:system_usec': 20 });
    expect(cpu).toMatchObject({ usage_usec: 30, user_usec: 10, system_usec: 20, nr_throttled: null });
  });

  it('has the throttling of the cpu controller', () => {
    const figures = { nr_periods: 9, nr_throttled: 8, throttled_usec: 7, nr_bursts: 6, burst_usec: 5 };
    const named = Object.fromEntries(Object.entries(figures).map(([key, value]) => [`cpu.stat:${key}`, value]));
    expect(usageOf(named).cpu).toMatchObject(figures);
  });

  it('has memory without the figures that only newer kernels give', () => {
    const { memory } = usageOf({
      'memory.current': 4096,
      'memory.swap.current': 0,
      'memory.events:oom_kill': 2,
      'memory.events:max': 1,
    });
    expect(memory).toEqual({
      current: 4096,
      peak: null,
      swap_current: 0,
      events: { low: null, high: null, max: 1, oom: null, oom_kill: 2, oom_group_kill: null },
    });
  });

  it('has pids, with the forks that were refused', () => {
    expect(usageOf({ 'pids.current': 3, 'pids.peak': 5, 'pids.events:max': 1 }).pids).toEqual({
      current: 3,
      peak: 5,
      events: { max: 1 },
    });
  });

  it('has the pressure of each resource that the kernel watches', () => {
    const { pressure } = usageOf({
      'cpu.pressure:some avg10': 1.5,
      'cpu.pressure:some total': 100,
      'io.pressure:some avg10': 0,
      'io.pressure:some total': 0,
      'io.pressure:full avg10': 0.5,
      'io.pressure:full total': 7,
    });
    expect(pressure).toEqual({
      cpu: { some: { avg10: 1.5, total: 100 }, full: { avg10: null, total: null } },
      memory: null,
      io: { some: { avg10: 0, total: 0 }, full: { avg10: 0.5, total: 7 } },
    });
  });
});

describe('the devices of io.stat', () => {
  it('stand beside their sum', () => {
    const text =
      '254:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=3 dios=4\n8:16 rbytes=20 wbytes=20 rios=2 wios=2 dbytes=0 dios=0\n';
    expect(usageOf({ 'io.stat:rbytes': 30 }, text).io).toEqual({
      ...{ rbytes: 30, wbytes: 40, rios: 3, wios: 4, dbytes: 3, dios: 4 },
      devices: [
        { device: '254:0', rbytes: 10, wbytes: 20, rios: 1, wios: 2, dbytes: 3, dios: 4, counted: [...IO_KEYS] },
        { device: '8:16', rbytes: 20, wbytes: 20, rios: 2, wios: 2, dbytes: 0, dios: 0, counted: [...IO_KEYS] },
      ],
    });
  });

  it.each([
    ['', []],
    ['\n', []],
    ['254:0 \n', []],
    ['254:0 cost.usage=5 rbytes=1\n', [{ rbytes: 1, wbytes: 0, rios: 0, wios: 0, dbytes: 0, dios: 0 }]],
  ])('of %j are %j', (text, devices) => {
    const named = devices.map((counters) => ({ device: '254:0', ...counters, counted: [...IO_KEYS] }));
    expect(usageOf({ 'io.stat:rbytes': 1 }, text).io?.devices).toEqual(named);
  });

  it('are not told where the io controller is missing', () => {
    expect(usageOf({}, '254:0 rbytes=1\n').io).toBeNull();
  });
});
