import { expect, it } from 'vitest';
import { drainText } from '../../../src/cli/commands/drain.js';

const now = Date.parse('2026-01-01T00:00:00Z');
const status = { draining: true, remaining: 7, ends_at: '2026-01-01T00:05:00.000Z', without_lifetime: [] };

it('says how many are left, when the last ends, and which will not', () => {
  expect(drainText(status, now)).toBe('7 left; the last lifetime ends in 5m');
  expect(drainText({ ...status, ends_at: null, without_lifetime: ['a', 'b'] }, now)).toBe(
    '7 left; without a lifetime: a, b',
  );
  const many = ['a', 'b', 'c', 'd', 'e', 'f', 'g'];
  expect(drainText({ ...status, ends_at: null, without_lifetime: many }, now)).toBe(
    '7 left; without a lifetime: a, b, c, d, e, and 2 more',
  );
});

it('says when it is done, and when nobody drains', () => {
  expect(drainText({ ...status, remaining: 0 }, now)).toBe('drained');
  expect(drainText({ ...status, draining: false }, now)).toBe('not draining: new containers are taken');
});
