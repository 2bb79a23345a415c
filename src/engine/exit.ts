import type { ExitReason } from '../protocol/container.js';

/** Why a deadline was set. The number is handed to the addon, which gives it back with the exit. */
export const CAUSE = { none: 0, lifetime: 1, stop: 2 } as const;

/** The known facts when the last process of a container has ended. */
export interface ExitFacts {
  statusKnown: boolean;
  /** The signal that ended the first process; 0 for none. */
  signal: number;
  /** The cause of the deadline that has passed. */
  cause: number;
  /**
   * Whether the first process ended after its deadline, as far as niwad has seen. If niwad's own monitor did not act at
   * this deadline, the keeper's monitor did.
   */
  overdue: boolean;
  /** The last signal that was sent through niwa; 0 for none. */
  sentSignal: number;
  /** The exit status of the first process, or -1. */
  code: number;
  /** Whether the first process is niwa's init. If signal n ended the workload, the init exits with 128 + n. */
  hasInit: boolean;
  /**
   * The number of processes in the group that the kernel's OOM killer has killed, and how many of these kills the first
   * process has survived.
   */
  oomKills: number;
  outlivedOomKills: number;
  startFailed: boolean;
  /** Whether the workload was executed. */
  started: boolean;
}

const SIGKILL = 9;
/** The exit status of niwa's init after SIGKILL ended the workload. */
const INIT_OF_KILLED = 128 + SIGKILL;

/** Decides the reason of an end. An action of niwa comes before a reason that the exit status alone suggests. */
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
