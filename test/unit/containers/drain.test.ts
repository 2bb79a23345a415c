import { expect, it } from 'vitest';
import { drainStatus } from '../../../src/containers/drain.js';
import type { State } from '../../../src/protocol/container.js';

const container = (id: string, state: State, deadline: string | null) => ({
  id,
  state,
  deadlineAt: deadline === null ? null : new Date(deadline),
});

it('counts what has not exited, and tells when the last of it ends', () => {
  const containers = [
    container('gone', 'exited', '2030-01-01T00:00:00.000Z'),
    container('soon', 'running', '2026-01-01T00:00:01.000Z'),
    container('later', 'paused', '2026-01-01T00:00:09.000Z'),
  ];
  expect(drainStatus(true, containers)).toEqual({
    draining: true,
    remaining: 2,
    ends_at: '2026-01-01T00:00:09.000Z',
    without_lifetime: [],
  });
});

it('names what no lifetime will end, but for what ends already', () => {
  const containers = [container('endless', 'running', null), container('ending', 'stopping', null)];
  expect(drainStatus(true, containers)).toMatchObject({ remaining: 2, ends_at: null, without_lifetime: ['endless'] });
});
