import { describe, expect, it } from 'vitest';
import { CAUSE, type ExitFacts, exitReason } from '../../../src/engine/exit.js';

const normal: ExitFacts = {
  statusKnown: true,
  signal: 0,
  code: 0,
  hasInit: false,
  cause: CAUSE.none,
  overdue: false,
  sentSignal: 0,
  oomKills: 0,
  outlivedOomKills: 0,
  startFailed: false,
  started: true,
};

describe('the reason of an exit', () => {
  it.each<[string, Partial<ExitFacts>]>([
    ['exited', {}],
    ['exited', { sentSignal: 15 }],
    ['exited', { oomKills: 1 }],
    ['signaled', { signal: 11 }],
    ['signaled', { signal: 9 }],
    ['signaled', { signal: 11, oomKills: 1 }],
    ['signaled', { signal: 11, sentSignal: 15 }],
    ['oom', { signal: 9, oomKills: 1 }],
    ['oom', { signal: 9, oomKills: 3, sentSignal: 15 }],
    ['oom', { signal: 9, oomKills: 2, outlivedOomKills: 1 }],
    ['signaled', { signal: 9, oomKills: 1, outlivedOomKills: 1 }],
    ['oom', { code: 137, hasInit: true, oomKills: 1 }],
    ['exited', { code: 137, hasInit: true, oomKills: 1, outlivedOomKills: 1 }],
    ['exited', { code: 137, hasInit: true }],
    ['exited', { code: 139, hasInit: true, oomKills: 1 }],
    ['exited', { code: 137, oomKills: 1 }],
    ['killed', { signal: 15, sentSignal: 15 }],
    ['killed', { signal: 9, sentSignal: 9, oomKills: 1 }],
    ['lifetime', { cause: CAUSE.lifetime }],
    ['lifetime', { cause: CAUSE.lifetime, signal: 9, oomKills: 1, sentSignal: 9 }],
    ['lifetime', { cause: CAUSE.lifetime, statusKnown: false }],
    ['lifetime', { overdue: true, signal: 9 }],
    ['lifetime', { overdue: true, signal: 9, sentSignal: 9, oomKills: 1 }],
    ['lifetime', { overdue: true }],
    ['stopped', { overdue: true, cause: CAUSE.stop, signal: 9 }],
    ['start-failed', { overdue: true, startFailed: true, signal: 9 }],
    ['stopped', { cause: CAUSE.stop, signal: 15 }],
    ['stopped', { cause: CAUSE.stop, statusKnown: false }],
    ['unknown', { statusKnown: false }],
    ['unknown', { statusKnown: false, signal: 9, oomKills: 1 }],
    ['start-failed', { startFailed: true, cause: CAUSE.lifetime, signal: 9 }],
    ['start-failed', { startFailed: true, statusKnown: false }],
    ['start-failed', { started: false }],
    ['start-failed', { started: false, statusKnown: false }],
    ['stopped', { started: false, cause: CAUSE.stop }],
    ['killed', { started: false, signal: 9, sentSignal: 9 }],
    ['signaled', { started: false, signal: 9 }],
  ])('is %s with %j', (reason, facts) => {
    expect(exitReason({ ...normal, ...facts })).toBe(reason);
  });
});
