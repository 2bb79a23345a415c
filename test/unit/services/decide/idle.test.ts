import { describe, expect, it } from 'vitest';
import { decide } from '../../../../src/services/decide/decide.js';
import { NO_MEMORY, type Phase } from '../../../../src/services/decide/types.js';
import { instance, NOW, SECOND, service, situation, stepsOf } from './situations.js';

const QUIET = NOW - 300 * SECOND;
const memory = { ...NO_MEMORY, busyUsec: QUIET };
const quiet = (id: string, phase: Phase, changes = {}) => instance(id, phase, { lastBusyUsec: QUIET, ...changes });
const unrouted = { cause: 'idle', sinceUsec: NOW - SECOND } as const;
const idle = (action: 'freeze' | 'stop' | 'none', minInstances = 0) =>
  service({ minInstances, idle: { afterUsec: 300 * SECOND, action } });

describe('a quiet service', () => {
  it('is asked again when it would be quiet', () => {
    const busy = instance('a', 'routed', { lastBusyUsec: NOW - 100 * SECOND, deadlineUsec: null });
    const later = decide(situation([busy], { memory: { ...NO_MEMORY, busyUsec: 0 } }));
    expect(later).toMatchObject({ steps: [], againUsec: NOW + 200 * SECOND });
  });

  it('is un-routed, and says why', () => {
    const why = 'no request for 5m, and the service is idle after 5m';
    expect(decide(situation([quiet('a', 'routed')], { memory })).steps).toEqual([
      { do: 'unroute', id: 'a', cause: 'idle', why },
    ]);
  });

  it.each([
    ['freeze', 'freeze a'],
    ['stop', 'end a: idle'],
  ] as const)('%s: when no connection has come meanwhile', (action, step) => {
    const rests = { memory, service: idle(action) };
    expect(stepsOf(situation([quiet('a', 'unrouted', { unrouted })], rests))).toEqual([step]);
    expect(stepsOf(situation([quiet('a', 'unrouted', { unrouted, connections: null })], rests))).toEqual([]);
    expect(stepsOf(situation([quiet('a', 'unrouted', { unrouted, connections: 1 })], rests))).toEqual([]);
  });

  it('keeps its minimum', () => {
    const two = [quiet('a', 'routed', { deadlineUsec: NOW + 200 * SECOND }), quiet('b', 'routed')];
    expect(stepsOf(situation(two, { memory, service: idle('freeze', 1) }))).toEqual(['unroute a: idle']);
  });

  it('says of a start for its minimum that it is for that', () => {
    expect(decide(situation([], { memory, service: idle('freeze', 1) })).steps).toEqual([
      { do: 'start', replaces: null, why: 'minInstances is 1' },
    ]);
  });

  it('is not quiet with an established connection, or a request that came to another instance', () => {
    expect(stepsOf(situation([quiet('a', 'routed', { connections: 1 })], { memory }))).toEqual([]);
    expect(stepsOf(situation([quiet('a', 'routed'), instance('b', 'routed')], { memory }))).toEqual([]);
  });

  it('is not quiet because a niwad has just started', () => {
    expect(stepsOf(situation([quiet('a', 'routed')]))).toEqual([]);
  });

  it('with `none` is routed until its lifetime ends, and is not replaced', () => {
    const none = { memory, service: idle('none') };
    expect(stepsOf(situation([quiet('a', 'routed')], none))).toEqual([]);
    expect(stepsOf(situation([quiet('a', 'routed', { deadlineUsec: NOW + 20 * SECOND })], none))).toEqual([
      'unroute a: idle',
    ]);
  });
});

describe('a frozen instance', () => {
  const waiting = { sinceUsec: NOW };

  it('is left alone, until its lifetime ends', () => {
    const frozen = quiet('a', 'frozen', { unrouted, deadlineUsec: NOW + SECOND });
    expect(stepsOf(situation([frozen], { memory }))).toEqual([]);
  });

  it('is thawed by a request, and routed when it answers', () => {
    expect(stepsOf(situation([quiet('a', 'frozen', { unrouted })], { memory, waiting }))).toEqual(['thaw a']);
    expect(stepsOf(situation([quiet('a', 'thawing', { unrouted })], { memory, waiting }))).toEqual([]);
    expect(stepsOf(situation([quiet('a', 'ready', { unrouted })], { memory, waiting }))).toEqual(['route a']);
  });

  it('near its deadline is thawed beside the start of its successor', () => {
    const frozen = quiet('a', 'frozen', { unrouted, deadlineUsec: NOW + 10 * SECOND });
    expect(stepsOf(situation([frozen], { memory, waiting }))).toEqual(['thaw a', 'start for a']);
  });

  it('is not worth a thaw in its last second', () => {
    const frozen = quiet('a', 'frozen', { unrouted, deadlineUsec: NOW + 0.5 * SECOND });
    expect(stepsOf(situation([frozen], { memory, waiting }))).toEqual(['start']);
  });
});
