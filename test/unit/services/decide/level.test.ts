import { describe, expect, it } from 'vitest';
import { decide } from '../../../../src/services/decide/decide.js';
import { afterEnd, NO_FAILURES } from '../../../../src/services/decide/failures.js';
import { NO_MEMORY, type Situation } from '../../../../src/services/decide/types.js';
import { instance, NOW, SECOND, service, situation, stepsOf } from './situations.js';

const waiting = { sinceUsec: NOW };

describe('niwa service scale', () => {
  it('holds as many as it says, over the minimum and the idle time', () => {
    const held = { hold: 3, memory: { ...NO_MEMORY, busyUsec: 1 } };
    expect(stepsOf(situation([instance('a', 'routed', { lastBusyUsec: 1 })], held))).toEqual(['start', 'start']);
  });

  it('holds no more than the slots', () => {
    expect(stepsOf(situation([], { hold: 9, service: service({ slots: 2 }) }))).toEqual(['start', 'start']);
  });

  it('takes away those nearest to their deadlines, and ends them when they have drained', () => {
    const two = [instance('a', 'routed'), instance('b', 'routed', { deadlineUsec: NOW + 200 * SECOND })];
    expect(stepsOf(situation(two, { hold: 1 }))).toEqual(['unroute b: held']);
    const unrouted = { cause: 'held', sinceUsec: NOW - SECOND } as const;
    expect(stepsOf(situation([instance('b', 'unrouted', { unrouted })], { hold: 0 }))).toContain('end b: held');
  });

  it('0 ends all, and refuses', () => {
    const all = [instance('a', 'routed'), instance('b', 'starting'), instance('c', 'frozen')];
    expect(stepsOf(situation(all, { hold: 0, waiting }))).toEqual([
      'end b: held',
      'end c: held',
      'unroute a: held',
      'refuse: held-at-zero',
    ]);
  });

  it('auto goes on with what was held', () => {
    const three = ['a', 'b', 'c'].map((id) => instance(id, 'routed'));
    const { memory } = decide(situation(three, { hold: 3 }));
    expect(stepsOf(situation(three, { memory }))).toEqual([]);
    expect(stepsOf(situation(three, { memory, hasCpuController: false }))).toEqual([
      'unroute a: scale-in',
      'unroute b: scale-in',
    ]);
  });
});

it('a removed service drains, and refuses', () => {
  const all = [instance('a', 'routed', { connections: 2 }), instance('b', 'ready')];
  expect(stepsOf(situation(all, { isRemoved: true }))).toEqual([
    'end b: removed',
    'unroute a: removed',
    'refuse: removed',
  ]);
});

describe('a node that drains', () => {
  const isDraining = true;

  it('wakes nothing, thaws nothing, and refuses', () => {
    expect(stepsOf(situation([], { isDraining, waiting }))).toEqual(['refuse: draining']);
    expect(stepsOf(situation([instance('a', 'frozen')], { isDraining, waiting }))).toEqual([
      'end a: draining',
      'refuse: draining',
    ]);
  });

  it('lets an instance serve, un-routes it in time for its connections, and does not replace it', () => {
    const serves = (leftSeconds: number) =>
      instance('a', 'routed', { readyUsec: NOW - 100 * SECOND, deadlineUsec: NOW + leftSeconds * SECOND });
    expect(stepsOf(situation([serves(31)], { isDraining }))).toEqual([]);
    expect(stepsOf(situation([serves(30)], { isDraining }))).toEqual(['unroute a: draining', 'refuse: draining']);
  });

  it('leaves an instance without a lifetime alone', () => {
    const endless = instance('a', 'routed', { deadlineUsec: null, connections: 1 });
    const memory = { ...NO_MEMORY, busyUsec: NOW };
    expect(decide(situation([endless], { isDraining, memory }))).toMatchObject({
      steps: [],
      againUsec: NOW + 300 * SECOND,
    });
  });

  it('does not route again what would be un-routed at once', () => {
    const goes = instance('a', 'unrouted', { deadlineUsec: NOW + 20 * SECOND });
    expect(stepsOf(situation([goes], { isDraining, waiting }))).toEqual(['end a: scale-in', 'refuse: draining']);
  });

  it('finishes a start that was begun before', () => {
    expect(stepsOf(situation([instance('a', 'starting')], { isDraining, waiting }))).toEqual([]);
    expect(stepsOf(situation([instance('a', 'ready')], { isDraining, waiting }))).toEqual(['route a']);
  });
});

describe('an instance that dies', () => {
  const two = [instance('a', 'routed'), instance('b', 'routed')];
  const { memory } = decide(situation(two));

  it('is replaced while others serve', () => {
    expect(stepsOf(situation(two.slice(0, 1), { memory }))).toEqual(['start']);
  });

  it('is not replaced without a request where it was the only one', () => {
    expect(stepsOf(situation([], { memory }))).toEqual([]);
    expect(stepsOf(situation([], { memory, waiting }))).toEqual(['start']);
  });
});

it('an instance that is ready and not needed any more is ended', () => {
  const all = [instance('a', 'routed'), instance('b', 'ready')];
  expect(stepsOf(situation(all, { hold: 1 }))).toEqual(['end b: held']);
});

it('fewer slots end the spare ones', () => {
  const all = [instance('a', 'routed'), instance('b', 'unrouted'), instance('c', 'frozen')];
  const memory = { ...NO_MEMORY, level: 1 };
  expect(stepsOf(situation(all, { memory }))).toEqual([]);
  expect(stepsOf(situation(all, { memory, service: service({ slots: 1 }) }))).toEqual([
    'end b: scale-in',
    'end c: scale-in',
  ]);
});

describe('failures', () => {
  const once = { count: 1, lastUsec: NOW - 60 * SECOND };

  it.each([
    ['a start that fails', null, null, { count: 2, lastUsec: NOW }],
    ['a start that is not ready in time', null, 'start-timeout', { count: 2, lastUsec: NOW }],
    ['a crash in the first ten seconds', NOW - 9 * SECOND, null, { count: 2, lastUsec: NOW }],
    ['a crash later', NOW - 10 * SECOND, null, NO_FAILURES],
    ['an instance that is sick from the beginning', NOW - SECOND, 'sick', { count: 2, lastUsec: NOW }],
    ['the end of an instance that was ready before the failure', NOW - 61 * SECOND, 'replaced', once],
    ['an end that was decided', NOW - SECOND, 'replaced', NO_FAILURES],
    ['an end that was decided before it was ready', null, 'held', once],
  ] as const)('%s', (_what, readyUsec, cause, failures) => {
    expect(afterEnd(once, NOW, readyUsec, cause)).toEqual(failures);
  });
});

it('500 sleeping services are decided in a small part of a second', () => {
  const asleep: Situation = situation([]);
  for (let warm = 0; warm < 2000; warm++) decide(asleep);
  const times = Array.from({ length: 20 }, () => {
    const beganAt = performance.now();
    for (let each = 0; each < 500; each++) decide(asleep);
    return performance.now() - beganAt;
  });
  expect(Math.min(...times)).toBeLessThan(20);
});
