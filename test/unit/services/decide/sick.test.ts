import { expect, it } from 'vitest';
import { decide } from '../../../../src/services/decide/decide.js';
import { instance, NOW, SECOND, situation, stepsOf } from './situations.js';

const sick = instance('a', 'routed', { isHealthy: false });

it('an instance that does not answer is un-routed, ended and replaced', () => {
  expect(stepsOf(situation([sick, instance('b', 'routed')]))).toEqual(['unroute a: sick', 'end a: sick', 'start']);
});

it('the only one, too: a held connection is better than an answer that does not come', () => {
  expect(stepsOf(situation([sick]))).toEqual(['unroute a: sick', 'end a: sick', 'start']);
});

it('another one is routed before', () => {
  const next = instance('b', 'ready', { replaces: 'a' });
  expect(stepsOf(situation([sick, next]))).toEqual(['route b', 'unroute a: sick', 'end a: sick']);
  expect(stepsOf(situation([sick, instance('b', 'unrouted')]))).toContain('route b');
});

it('the only one stays while starts fail, and goes when its successor is ready', () => {
  const failures = { count: 3, lastUsec: NOW - SECOND };
  const { steps } = decide(situation([sick], { failures }));
  expect(steps).toEqual([{ do: 'warn', why: 'the successor of a has failed (3 in a row); a serves for 5m more' }]);
  const next = instance('b', 'ready', { replaces: 'a', readyUsec: NOW });
  expect(stepsOf(situation([sick, next], { failures }))).toEqual(['route b', 'unroute a: sick', 'end a: sick']);
});

it('what was thawed has five seconds for an answer', () => {
  const waiting = { sinceUsec: NOW };
  const one = instance('a', 'thawing', { thawedUsec: NOW - 4 * SECOND });
  expect(decide(situation([one], { waiting }))).toMatchObject({ steps: [], againUsec: NOW + SECOND });
  const late = instance('a', 'thawing', { thawedUsec: NOW - 5 * SECOND });
  expect(stepsOf(situation([late], { waiting }))).toEqual(['end a: sick', 'start']);
});
