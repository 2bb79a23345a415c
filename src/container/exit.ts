import type { ExitReason } from './status.js';

/** What a deadline is set for; handed through the addon and back. */
export const CAUSE = { none: 0, lifetime: 1, stop: 2 } as const;

/** What is known when the last process has gone. */
export interface ExitFacts {
  statusKnown: boolean;
  /** The signal that ended the first process, 0 for none. */
  signal: number;
  /** The cause of the deadline that had passed. */
  cause: number;
  /** The signal that somebody sent through niwa last, 0 for none. */
  sentSignal: number;
  /** How many processes the kernel's OOM killer took in this group. */
  oomKills: number;
  startFailed: boolean;
  /** Whether the workload was let run. */
  started: boolean;
}

const SIGKILL = 9;

/** Decides the reason. What niwa itself began comes before what the status alone would say. */
export function exitReason(facts: ExitFacts): ExitReason {
  if (facts.startFailed) return 'start-failed';
  if (facts.cause === CAUSE.lifetime) return 'lifetime';
  if (facts.cause === CAUSE.stop) return 'stopped';
  if (!facts.started && facts.signal === 0) return 'start-failed';
  if (!facts.statusKnown) return 'unknown';
  if (facts.signal !== 0 && facts.signal === facts.sentSignal) return 'killed';
  if (facts.signal === SIGKILL && facts.oomKills > 0) return 'oom';
  return facts.signal === 0 ? 'exited' : 'signaled';
}
