import { describe, expect, it } from 'vitest';
import { decide } from '../../../../src/services/decide/decide.js';
import { replaceTimes, usualStart } from '../../../../src/services/decide/replace.js';
import type { Instance, Phase } from '../../../../src/services/decide/types.js';
import { instance, NOW, SECOND, service, situation, stepsOf } from './situations.js';

/** A routed instance with so many seconds of its lifetime of 600 s left. */
const routed = (id: string, leftSeconds: number, changes: Partial<Instance> = {}) =>
  instance(id, 'routed', {
    startedUsec: NOW - (600 - leftSeconds) * SECOND,
    readyUsec: NOW - (600 - leftSeconds) * SECOND,
    deadlineUsec: NOW + leftSeconds * SECOND,
    ...changes,
  });

describe('a successor', () => {
  it('is started at deadline - drain - the usual time of a start', () => {
    expect(decide(situation([routed('a', 32)]))).toMatchObject({ steps: [], againUsec: NOW + SECOND });
    expect(decide(situation([routed('a', 31)])).steps).toEqual([
      { do: 'start', replaces: 'a', why: 'the lifetime of a ends in 31s: it drains for 30s, and a start takes 1s' },
    ]);
  });

  it('is started once', () => {
    expect(stepsOf(situation([routed('a', 20), instance('b', 'starting', { replaces: 'a' })]))).toEqual([]);
  });

  it('is routed before the old one is un-routed', () => {
    expect(stepsOf(situation([routed('a', 20), instance('b', 'ready', { replaces: 'a' })]))).toEqual([
      'route b',
      'unroute a: replaced',
    ]);
  });

  it('has a slot beyond those of the service, and there is one such only', () => {
    const one = { service: service({ slots: 1 }) };
    expect(stepsOf(situation([routed('a', 20)], one))).toEqual(['start for a']);
    const drains = instance('z', 'unrouted', {
      deadlineUsec: NOW + 10 * SECOND,
      unrouted: { cause: 'replaced', sinceUsec: NOW },
      connections: 3,
    });
    expect(stepsOf(situation([routed('a', 20), drains], one))).toEqual([]);
  });

  it('is not needed where an un-routed instance can serve', () => {
    expect(stepsOf(situation([routed('a', 20), instance('b', 'unrouted')]))).toEqual([
      'route b',
      'unroute a: replaced',
    ]);
  });

  it('comes after half of a lifetime that is shorter than the drain', () => {
    const short = (age: number) =>
      instance('a', 'routed', { readyUsec: NOW - age, deadlineUsec: NOW - age + 8 * SECOND });
    expect(stepsOf(situation([short(3.9 * SECOND)]))).toEqual([]);
    expect(stepsOf(situation([short(4 * SECOND)]))).toEqual(['start for a']);
  });

  it('that fails leaves the old one to its deadline, and this is told once for each failure', () => {
    const failures = { count: 2, lastUsec: NOW };
    const { steps, memory, againUsec } = decide(situation([routed('a', 20)], { failures }));
    expect(steps).toEqual([{ do: 'warn', why: 'the successor of a has failed (2 in a row); a serves for 20s more' }]);
    expect(againUsec).toBe(NOW + 2 * SECOND);
    expect(stepsOf(situation([routed('a', 20)], { failures, memory }))).toEqual([]);
    expect(stepsOf(situation([routed('a', 18)], { failures, memory, nowUsec: NOW + 2 * SECOND }))).toEqual([
      'start for a',
    ]);
  });
});

describe('at its deadline', () => {
  it('an instance is un-routed shortly before, also the only one: new connections wait for another one', () => {
    const failures = { count: 9, lastUsec: NOW };
    expect(decide(situation([routed('a', 1)], { failures })).againUsec).toBe(NOW + 0.8 * SECOND);
    expect(decide(situation([routed('a', 0.2)], { failures })).steps).toContainEqual({
      do: 'unroute',
      id: 'a',
      cause: 'replaced',
      why: 'the lifetime of a ends in 200ms',
    });
    expect(stepsOf(situation([routed('a', 0.2)], { failures }))).not.toContain('end a: replaced');
  });

  it('an instance is ended', () => {
    expect(stepsOf(situation([routed('a', 0)], { failures: { count: 9, lastUsec: NOW } }))).toEqual([
      'unroute a: replaced',
      'end a: replaced',
      'refuse: backoff',
    ]);
  });

  it('its successor is routed before', () => {
    const next = instance('b', 'ready', { replaces: 'a' });
    expect(stepsOf(situation([routed('a', 0), next]))).toEqual(['route b', 'unroute a: replaced', 'end a: replaced']);
  });

  it.each(['unrouted', 'frozen', 'thawing'] as const)('a %s one is ended, too', (phase) => {
    expect(stepsOf(situation([routed('b', 500), instance('a', phase, { deadlineUsec: NOW })]))).toContain(
      'end a: replaced',
    );
  });
});

describe('instances whose deadlines are close', () => {
  it('take turns where all slots are in use', () => {
    const all = ['a', 'b', 'c'].map((id) => routed(id, 500));
    const times = replaceTimes(situation(all, { service: service({ slots: 3 }) }));
    expect([...times.values()].map((usec) => (usec - NOW) / SECOND).sort((a, b) => a - b)).toEqual([407, 438, 469]);
  });

  it('take the same turns whether they are routed or not: nothing is taken back in turns with another', () => {
    const turns = (phase: Phase) => {
      const all = [routed('a', 41.6), routed('b', 45, { phase }), ...['c', 'd'].map((id) => routed(id, 500))];
      return replaceTimes(situation(all)).get('a');
    };
    expect(turns('unrouted')).toBe(turns('routed'));
    expect(turns('frozen')).toBe(turns('routed'));
  });

  it('are replaced at once where there are slots for it', () => {
    const all = ['a', 'b'].map((id) => routed(id, 20));
    expect(stepsOf(situation(all))).toEqual(['start for a', 'start for b']);
  });
});

describe('an un-routed instance that was replaced', () => {
  const old = (changes: Partial<Instance>) =>
    routed('a', 20, { phase: 'unrouted', unrouted: { cause: 'replaced', sinceUsec: NOW - SECOND }, ...changes });

  it('ends when it has no open connection', () => {
    expect(stepsOf(situation([instance('b', 'routed'), old({ connections: 0 })]))).toEqual(['end a: replaced']);
  });

  it('ends after `drain` with those that it has', () => {
    const drains = [instance('b', 'routed'), old({ connections: 2, deadlineUsec: NOW + 30.5 * SECOND })];
    expect(decide(situation(drains))).toMatchObject({ steps: [], againUsec: NOW + 29 * SECOND });
    expect(decide(situation(drains, { nowUsec: NOW + 29 * SECOND })).steps).toEqual([
      { do: 'end', id: 'a', cause: 'replaced', why: 'a has drained for 30s, 2 connections are cut' },
    ]);
  });

  it('does not end before its connections are counted', () => {
    expect(stepsOf(situation([instance('b', 'routed'), old({ connections: null })]))).toEqual([]);
  });

  it('does not end while nothing else is routed', () => {
    expect(stepsOf(situation([instance('b', 'starting'), old({ connections: 0 })]))).toEqual([]);
  });

  it('does not end before a connection that was on its way is counted', () => {
    const since = NOW - 0.1 * SECOND;
    const leaves = old({ unrouted: { cause: 'replaced', sinceUsec: since }, connections: 0 });
    const { steps, againUsec } = decide(situation([instance('b', 'routed'), leaves]));
    expect(steps).toEqual([]);
    expect(againUsec).toBe(since + 0.25 * SECOND);
  });

  it('serves again while requests wait for a new one', () => {
    const waiting = { sinceUsec: NOW };
    expect(stepsOf(situation([old({ connections: 0 })], { waiting }))).toEqual(['route a', 'start for a']);
  });
});

describe('apply --now', () => {
  const outdated = ['a', 'b', 'c'].map((id) => instance(id, 'routed'));
  const now = { revision: 2, replaceBelow: 2 };

  it('replaces one by one', () => {
    expect(stepsOf(situation(outdated, now))).toEqual(['start for a']);
    const next = instance('d', 'starting', { replaces: 'a', revision: 2 });
    expect(stepsOf(situation([...outdated, next], now))).toEqual([]);
    expect(stepsOf(situation([...outdated, { ...next, phase: 'ready' }], now)).slice(0, 2)).toEqual([
      'route d',
      'start for b',
    ]);
  });

  it('un-routes the outdated one, though its lifetime is longer', () => {
    const next = instance('b', 'ready', { replaces: 'a', revision: 2 });
    const old = instance('a', 'routed', { deadlineUsec: NOW + 900 * SECOND });
    expect(stepsOf(situation([old, next], now))).toEqual(['route b', 'unroute a: outdated']);
  });

  it('ends what has not served yet', () => {
    expect(stepsOf(situation([instance('a', 'starting'), instance('b', 'frozen')], now))).toEqual([
      'end a: outdated',
      'end b: outdated',
      'start',
    ]);
  });

  it('leaves those that serve to their deadline without --now', () => {
    expect(stepsOf(situation(outdated, { revision: 2 }))).toEqual([]);
  });
});

it('the usual time of a start is that which 95 of 100 do not exceed', () => {
  expect(usualStart([])).toBe(2 * SECOND);
  expect(usualStart([5])).toBe(5);
  expect(usualStart(Array.from({ length: 100 }, (_, index) => index + 1))).toBe(95);
});
