import type { ExitReason } from '../protocol/container.js';

/** What a deadline is set for; handed through the addon and back. */
export const CAUSE = { none: 0, lifetime: 1, stop: 2 } as const;

/** What is known when the last process has gone. */
export interface ExitFacts {
  statusKnown: boolean;
  /** The signal that ended the first process, 0 for none. */
  signal: number;
  /** The cause of the deadline that had passed. */
  cause: number;
  /** Whether it was seen to end after its deadline: then another monitor, that of the keeper, was the first to act. */
  overdue: boolean;
  /** The signal that somebody sent through niwa last, 0 for none. */
  sentSignal: number;
  /** The exit status of the first process, or -1. */
  code: number;
  /** Whether the first process is niwa's init: it ends with 128 + n where signal n ended the workload. */
  hasInit: boolean;
  /** How many processes the kernel's OOM killer has taken in this group, and how many of them the first process outlived. */
  oomKills: number;
  outlivedOomKills: number;
  startFailed: boolean;
  /** Whether the workload was let run. */
  started: boolean;
}

const SIGKILL = 9;
/** The exit status of niwa's init where SIGKILL ended the workload. */
const INIT_OF_KILLED = 128 + SIGKILL;

/** Decides the reason. What niwa itself began comes before what the status alone would say. */
export function exitReason(facts: ExitFacts): ExitReason {
  if (facts.startFailed) return 'start-failed';
  if (facts.cause === CAUSE.lifetime) return 'lifetime';
  if (facts.cause === CAUSE.stop) return 'stopped';
  if (facts.overdue) return 'lifetime';
  if (!facts.started && facts.signal === 0) return 'start-failed';
  if (!facts.statusKnown) return 'unknown';
  if (facts.signal !== 0 && facts.signal === facts.sentSignal) return 'killed';
  if (wasKilled(facts) && facts.oomKills > facts.outlivedOomKills) return 'oom';
  return facts.signal === 0 ? 'exited' : 'signaled';
}

/** Whether SIGKILL ended the workload. */
function wasKilled({ signal, code, hasInit }: ExitFacts): boolean {
  return signal === SIGKILL || (hasInit && code === INIT_OF_KILLED);
}
