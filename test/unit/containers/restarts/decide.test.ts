import { describe, expect, it } from 'vitest';
import { afterEnd, afterRefusal, type EndedRun, leftOf } from '../../../../src/containers/restarts/decide.js';
import type { Exit } from '../../../../src/protocol/container.js';
import type { RestartPolicy } from '../../../../src/protocol/resolved-restart.js';

const START = new Date('2026-01-01T00:00:00.000Z');
const backoff = { minUsec: 100_000, maxUsec: 1_000_000 };

type Policy = RestartPolicy['policy'];
const POLICIES = ['on-failure', 'always', 'unless-stopped'] as const;

function endOf(policy: Policy, exit: Partial<Exit>, more: Partial<EndedRun> & { ranMs?: number; max?: number } = {}) {
  const { ranMs = 1000, max = null, ...fields } = more;
  const at = new Date(START.getTime() + ranMs).toISOString();
  return afterEnd({
    restart: { policy, backoff, max },
    exit: { reason: 'exited', code: 0, at, ...exit },
    startedAt: START,
    ...{ isFirst: true, inRow: 0, isStopped: false, ...fields },
  });
}

const ENDS = {
  success: { reason: 'exited', code: 0 },
  failure: { reason: 'exited', code: 1 },
  crash: { reason: 'signaled', code: null },
  oom: { reason: 'oom', code: null },
  lifetime: { reason: 'lifetime', code: null },
  'not ready in time': { reason: 'stopped', code: null },
  lost: { reason: 'unknown', code: null },
} as const;

describe('after an end', () => {
  it.each(Object.entries(ENDS))('%s: always and unless-stopped start again', (_, exit) => {
    for (const policy of ['always', 'unless-stopped'] as const) expect(endOf(policy, exit).type).toBe('wait');
  });

  it('on-failure starts again after failures alone, and never after a lifetime', () => {
    const again = Object.entries(ENDS).filter(([, exit]) => endOf('on-failure', exit).type === 'wait');
    expect(again.map(([name]) => name)).toEqual(['failure', 'crash', 'oom', 'not ready in time', 'lost']);
  });

  it('no policy starts again what a user has stopped', () => {
    for (const policy of POLICIES)
      expect(endOf(policy, ENDS.failure, { isStopped: true })).toEqual({ type: 'over', why: 'stopped' });
  });

  it('a first start that failed is not repeated, since whoever asked for it was told; a later one is', () => {
    const failed = { reason: 'start-failed', code: null } as const;
    expect(endOf('always', failed, { startedAt: null })).toEqual({ type: 'over', why: 'never-ran' });
    expect(endOf('always', failed)).toEqual({ type: 'over', why: 'never-ran' });
    expect(endOf('always', failed, { startedAt: null, isFirst: false }).type).toBe('wait');
  });

  it('a container that was never started is not started by its end', () => {
    expect(endOf('always', { reason: 'stopped' }, { startedAt: null })).toEqual({ type: 'over', why: 'never-ran' });
  });
});

describe('the time before a restart', () => {
  const waits = [0, 1, 2, 3, 4, 2000].map((inRow) => endOf('always', ENDS.failure, { inRow }));

  it('doubles up to the longest', () => {
    expect(waits).toEqual(
      [100_000, 200_000, 400_000, 800_000, 1_000_000, 1_000_000].map((waitUsec, i) => ({
        type: 'wait',
        waitUsec,
        inRow: [1, 2, 3, 4, 5, 2001][i],
      })),
    );
  });

  it('begins again after a run of ten seconds', () => {
    expect(endOf('always', ENDS.failure, { inRow: 5, ranMs: 9999 })).toMatchObject({ inRow: 6 });
    expect(endOf('always', ENDS.failure, { inRow: 5, ranMs: 10_000 })).toMatchObject({ waitUsec: 100_000, inRow: 1 });
  });

  it('is counted from the end, and never longer than it is', () => {
    const at = START.toISOString();
    expect(leftOf(100_000, at, START.getTime() + 30)).toBe(70);
    expect(leftOf(100_000, at, START.getTime() + 500)).toBe(0);
    expect(leftOf(100_000, at, START.getTime() - 60_000)).toBe(100);
  });
});

describe('the most restarts in a row', () => {
  it('ends the row', () => {
    expect(endOf('on-failure', ENDS.failure, { inRow: 1, max: 2 }).type).toBe('wait');
    expect(endOf('on-failure', ENDS.failure, { inRow: 2, max: 2 })).toEqual({ type: 'over', why: 'too-many' });
    expect(endOf('always', ENDS.failure, { max: 0 })).toEqual({ type: 'over', why: 'too-many' });
  });

  it('counts restarts that were refused, too', () => {
    const restart = { policy: 'always' as const, backoff, max: 2 };
    expect(afterRefusal(restart, 1)).toEqual({ type: 'wait', waitUsec: 200_000, inRow: 2 });
    expect(afterRefusal(restart, 2)).toEqual({ type: 'over', why: 'too-many' });
  });
});
