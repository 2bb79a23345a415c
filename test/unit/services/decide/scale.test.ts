import { describe, expect, it } from 'vitest';
import { decide } from '../../../../src/services/decide/decide.js';
import { type Instance, type Memory, NO_MEMORY, type Situation } from '../../../../src/services/decide/types.js';
import { instance, NOW, reading, SECOND, service, situation, stepsOf } from './situations.js';

/** So many routed instances, each with these readings: half a processor is their quota. */
const loaded = (count: number, used: number, throttled: number, changes: Partial<Instance> = {}) =>
  Array.from({ length: count }, (_, index) =>
    instance(`i${index}`, 'routed', { reading: reading(used, throttled), ...changes }),
  );
const starts = (from: Situation) => stepsOf(from).filter((step) => step === 'start').length;
const remembering = (changes: Partial<Memory>) => ({ memory: { ...NO_MEMORY, busyUsec: NOW, ...changes } });
const tenSlots = { service: service({ slots: 10 }) };

describe('more instances', () => {
  it('are started in the first second in which half of the periods were throttled', () => {
    expect(decide(situation(loaded(1, 0.5, 5))).steps).toEqual([
      {
        do: 'start',
        replaces: null,
        why: '50 % of the periods were throttled (50 % at once), 1.00 processors are needed, 0.50 for each: 1 to 2 instances',
      },
    ]);
  });

  it('are started when a tenth was in two of the last three', () => {
    const { steps, memory } = decide(situation(loaded(1, 0.4, 2)));
    expect(steps).toEqual([]);
    expect(memory.shares).toEqual([0.2]);
    expect(starts(situation(loaded(1, 0.4, 2), remembering({ shares: [0.2, 0] })))).toBe(1);
    expect(starts(situation(loaded(1, 0.4, 2), remembering({ shares: [0.2, 0, 0] })))).toBe(0);
  });

  it.each([
    ['at most twice as many', 2, 0.5, 10, 2],
    ['as many as bring each to 70 % of its quota', 4, 0.5, 1.5, 3],
    ['at least one', 4, 0.28, 1.5, 1],
    ['at most the slots', 8, 0.5, 10, 2],
  ])('%s', (_what, count, used, throttled, more) => {
    const shares = remembering({ shares: [0.2, 0.2] });
    expect(starts(situation(loaded(count, used, throttled), { ...tenSlots, ...shares }))).toBe(more);
  });

  it('are not started for what uses less than half of its quota, however it is bunched', () => {
    expect(starts(situation(loaded(1, 0.24, 6)))).toBe(0);
  });

  it('are not started for a second with two periods of which both were throttled', () => {
    const idle = { reading: reading(0.3, 2, { periods: 2 }) };
    expect(starts(situation(loaded(1, 0, 0, idle), remembering({ shares: [0, 0] })))).toBe(0);
    expect(decide(situation(loaded(1, 0, 0, idle))).memory.shares).toEqual([0.2]);
  });

  it('are not started before the last ones have settled, and have shown their effect', () => {
    expect(starts(situation(loaded(1, 0.5, 9), remembering({ settledUsec: NOW + 1 })))).toBe(0);
    expect(decide(situation(loaded(1, 0.5, 9))).memory.settledUsec).toBe(NOW + 4 * SECOND);
    const young = instance('young', 'routed', { readyUsec: NOW - 2.5 * SECOND, routedUsec: NOW - 2.5 * SECOND });
    expect(starts(situation([...loaded(1, 0.5, 9), young]))).toBe(0);
  });

  it('are not started twice for the same reading, nor beside those that are on their way', () => {
    const first = decide(situation(loaded(1, 0.5, 9)));
    const memory = { ...first.memory, settledUsec: 0 };
    const coming = [...loaded(1, 0.5, 9), instance('new', 'starting')];
    expect(stepsOf(situation(coming, { memory }))).toEqual([]);
    const next = loaded(1, 0.5, 9, { reading: reading(0.5, 9, { atUsec: NOW + SECOND }) });
    const later = { memory, nowUsec: NOW + SECOND };
    expect(stepsOf(situation([...next, instance('new', 'starting')], later))).toEqual([]);
  });

  it('are not started in the warm-up of the first one', () => {
    expect(starts(situation(loaded(1, 0.5, 9, { readyUsec: NOW - 2.9 * SECOND })))).toBe(0);
    expect(starts(situation(loaded(1, 0.5, 9, { readyUsec: NOW - 3 * SECOND })))).toBe(1);
  });

  it('are un-routed ones first, then frozen ones', () => {
    const short = { deadlineUsec: NOW + 200 * SECOND };
    const spares = [instance('cold', 'frozen'), instance('short', 'frozen', short), instance('warm', 'unrouted')];
    const shares = remembering({ level: 2 });
    expect(stepsOf(situation([...loaded(2, 0.5, 9), ...spares], { ...tenSlots, ...shares }))).toEqual([
      'route warm',
      'thaw cold',
    ]);
  });

  it.each([
    ['the service is not scaled', { service: service({ scale: 'none' }) }],
    ['there is no cpu controller', { hasCpuController: false }],
    ['there is no limit', { cpuQuota: null }],
    ['the number is held', { hold: 1 }],
  ])('are not started where %s', (_what, changes) => {
    expect(stepsOf(situation(loaded(1, 0.5, 9), changes))).toEqual([]);
  });
});

describe('fewer instances', () => {
  const calm = remembering({ calmSinceUsec: NOW - 30 * SECOND });

  it('serve after a window of little load: the one nearest to its deadline is un-routed', () => {
    const [first, second] = loaded(2, 0.1, 0);
    const near = instance('near', 'routed', { reading: reading(0.1, 0), deadlineUsec: NOW + 200 * SECOND });
    expect(first && second && decide(situation([first, second, near], calm)).steps).toEqual([
      {
        do: 'unroute',
        id: 'near',
        cause: 'scale-in',
        why: '0 % of the periods were throttled (2 % for a window), the others are used by 30 %: 3 to 2 instances',
      },
    ]);
  });

  it('not before the window is over, nor two within ten seconds', () => {
    const { steps, memory } = decide(situation(loaded(3, 0.1, 0)));
    expect(steps).toEqual([]);
    expect(memory.calmSinceUsec).toBe(NOW);
    expect(stepsOf(situation(loaded(3, 0.1, 0), remembering({ calmSinceUsec: NOW - 29 * SECOND })))).toEqual([]);
    const lately = { calmSinceUsec: NOW - 60 * SECOND, lastInUsec: NOW - 9 * SECOND };
    expect(stepsOf(situation(loaded(3, 0.1, 0), remembering(lately)))).toEqual([]);
  });

  it.each([
    ['periods are throttled', 3, 0.3, 1],
    ['the others would be used by half', 2, 0.125, 0],
  ])('not where %s, and the window begins anew', (_what, count, used, throttled) => {
    const { steps, memory } = decide(situation(loaded(count, used, throttled), calm));
    expect(steps).toEqual([]);
    expect(memory.calmSinceUsec).toBeNull();
  });

  it('never less than one, or than the minimum', () => {
    expect(stepsOf(situation(loaded(1, 0, 0), calm))).toEqual([]);
    expect(stepsOf(situation(loaded(2, 0, 0), { ...calm, service: service({ minInstances: 2 }) }))).toEqual([]);
  });

  it('freezes the one that was un-routed when nobody has needed it for the idle time', () => {
    const unrouted = (seconds: number) =>
      ({ unrouted: { cause: 'scale-in', sinceUsec: NOW - seconds * SECOND } }) as const;
    const spare = (seconds: number) => instance('spare', 'unrouted', { ...unrouted(seconds), lastBusyUsec: 0 });
    const asked = decide(situation([...loaded(1, 0.1, 0), spare(299)], remembering({ level: 1 })));
    expect(asked).toMatchObject({ steps: [], againUsec: NOW + SECOND });
    expect(decide(situation([...loaded(1, 0.1, 0), spare(300)], remembering({ level: 1 }))).steps).toEqual([
      { do: 'freeze', id: 'spare', why: 'spare had no connection for 5m, and was not needed' },
    ]);
  });

  it('leaves the one that was un-routed to its lifetime', () => {
    const spare = instance('spare', 'unrouted', { connections: 0 });
    expect(stepsOf(situation([...loaded(1, 0.1, 0), spare], remembering({ level: 1 })))).toEqual([]);
  });
});
