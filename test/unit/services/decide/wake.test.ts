import { describe, expect, it } from 'vitest';
import { decide } from '../../../../src/services/decide/decide.js';
import { retryAtUsec } from '../../../../src/services/decide/wake.js';
import { instance, NOW, SECOND, service, situation, stepsOf } from './situations.js';

const waiting = { sinceUsec: NOW - 1000 };

describe('a request wakes', () => {
  it('does nothing for a service that sleeps', () => {
    expect(decide(situation([]))).toMatchObject({ steps: [], againUsec: null });
  });

  it('starts one instance, and says for how long requests have waited', () => {
    expect(decide(situation([], { waiting })).steps).toEqual([
      { do: 'start', replaces: null, why: 'requests have waited for 1ms, and nothing serves' },
    ]);
  });

  it('starts one alone, however long it takes', () => {
    const one = instance('a', 'starting', { startedUsec: NOW - 29 * SECOND });
    expect(decide(situation([one], { waiting }))).toMatchObject({ steps: [], againUsec: NOW + SECOND });
  });

  it('routes what is ready', () => {
    expect(stepsOf(situation([instance('a', 'ready')], { waiting }))).toEqual(['route a']);
  });

  it('keeps its minimum, without a request', () => {
    expect(stepsOf(situation([], { service: service({ minInstances: 2 }) }))).toEqual(['start', 'start']);
  });

  it('ends a start that is not ready in time, and refuses those that wait for it', () => {
    const one = instance('a', 'starting', { startedUsec: NOW - 30 * SECOND });
    const since = { sinceUsec: NOW - 30 * SECOND };
    expect(stepsOf(situation([one], { waiting: since }))).toEqual([
      'end a: start-timeout',
      'refuse: timeout',
      'refuse: backoff',
    ]);
  });

  it('refuses what has waited for long, and accepts others while it starts', () => {
    const since = { sinceUsec: NOW - 30 * SECOND };
    const one = instance('a', 'starting', { startedUsec: NOW - SECOND });
    expect(stepsOf(situation([one], { waiting: since }))).toEqual(['refuse: timeout', 'accept']);
  });
});

it('a start that was begun for a request ends with it, and says what it lacks', () => {
  const sinceUsec = NOW - 30 * SECOND;
  const late = instance('a', 'starting', { startedUsec: sinceUsec + 2000, missing: 'nothing listens' });
  const { steps } = decide(situation([late], { waiting: { sinceUsec } }));
  expect(steps.map((step) => step.do)).toEqual(['end', 'refuse', 'refuse']);
  expect(steps[0]?.why).toBe('a did not get ready in 30s (wake.timeout): nothing listens');
});

describe('after a failed start', () => {
  const failures = { count: 1, lastUsec: NOW };

  it('waits twice as long each time, between the bounds', () => {
    const waits = [1, 2, 3, 7, 2000].map((count) =>
      retryAtUsec({ situation: situation([]), failures: { count, lastUsec: 0 } }),
    );
    expect(waits.map((usec) => usec / SECOND)).toEqual([1, 2, 4, 60, 60]);
  });

  it('refuses at once those that were held for it, and others in the backoff', () => {
    const { steps, againUsec } = decide(situation([], { waiting, failures }));
    const why = '1 failed start in a row: the next one may be in 1s';
    expect(steps).toEqual([
      { do: 'refuse', cause: 'start-failed', why },
      { do: 'refuse', cause: 'backoff', why },
    ]);
    expect(againUsec).toBe(NOW + SECOND);
  });

  it('says it once', () => {
    expect(stepsOf(situation([], { failures, refusing: 'backoff' }))).toEqual([]);
  });

  it('accepts again when the backoff has passed, and starts for the next request', () => {
    const later = { failures, refusing: 'backoff', nowUsec: NOW + SECOND } as const;
    expect(stepsOf(situation([], later))).toEqual(['accept']);
    expect(stepsOf(situation([], { ...later, refusing: null, waiting: { sinceUsec: NOW + SECOND } }))).toEqual([
      'start',
    ]);
  });

  it('starts its minimum again when the backoff has passed', () => {
    const two = { service: service({ minInstances: 2 }), failures };
    expect(stepsOf(situation([], two))).toEqual(['refuse: backoff']);
    expect(decide(situation([], two)).againUsec).toBe(NOW + SECOND);
    expect(stepsOf(situation([], { ...two, refusing: 'backoff', nowUsec: NOW + SECOND }))).toEqual([
      'start',
      'start',
      'accept',
    ]);
  });

  it('refuses nothing while another instance serves', () => {
    const long = { sinceUsec: NOW - 40 * SECOND };
    expect(stepsOf(situation([instance('a', 'routed')], { waiting: long }))).toEqual([]);
    expect(stepsOf(situation([instance('a', 'routed')], { failures, refusing: 'backoff' }))).toEqual(['accept']);
  });
});
