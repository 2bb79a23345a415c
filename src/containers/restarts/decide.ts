import type { Exit } from '../../protocol/container.js';
import type { RestartPolicy } from '../../protocol/resolved-restart.js';

/** What happens after the end of a run. Pure: values in, values out. */

/** A run of this length or longer ends a row of restarts: the next one comes after the shortest time again. */
const LONG_RUN_MS = 10_000;

/** A run that has ended, and what is known of its container. */
export interface EndedRun {
  restart: RestartPolicy;
  exit: Pick<Exit, 'reason' | 'code' | 'at'>;
  /** Null where the workload was never executed. */
  startedAt: Date | null;
  /** Whether the container had no run before. */
  isFirst: boolean;
  /** How many restarts have followed each other without a long run between them, before this end. */
  inRow: number;
  isStopped: boolean;
}

/**
 * - `wait`: the container is started again after a time; this restart is the number `inRow` of its row
 * - `over`: it is not started again, because of `why`
 */
export type Decision =
  | { type: 'wait'; waitUsec: number; inRow: number }
  | { type: 'over'; why: 'stopped' | 'no-failure' | 'never-ran' | 'too-many' };

/** Decides what follows the end of a run. */
export function afterEnd({ restart, exit, startedAt, isFirst, inRow, isStopped }: EndedRun): Decision {
  if (isStopped) return { type: 'over', why: 'stopped' };
  // it was never started, or whoever started it was told of the failure
  if (isFirst && (startedAt === null || exit.reason === 'start-failed')) return { type: 'over', why: 'never-ran' };
  if (restart.policy === 'on-failure' && !isFailure(exit)) return { type: 'over', why: 'no-failure' };
  const ranMs = startedAt === null ? 0 : Date.parse(exit.at) - startedAt.getTime();
  return nextOf(restart, ranMs >= LONG_RUN_MS ? 0 : inRow);
}

/** Decides what follows a refused restart, so that there was no run. @param inRow the number of that restart */
export function afterRefusal(restart: RestartPolicy, inRow: number): Decision {
  return nextOf(restart, inRow);
}

/** The part of a time of waiting that is left at a moment; all of it where the clock was set back. */
export function leftOf(waitUsec: number, since: string, nowMs: number): number {
  const passedMs = Math.max(0, nowMs - Date.parse(since));
  return Math.max(0, waitUsec / 1000 - passedMs);
}

function nextOf({ backoff, max }: RestartPolicy, inRow: number): Decision {
  if (max !== null && inRow >= max) return { type: 'over', why: 'too-many' };
  return { type: 'wait', waitUsec: Math.min(backoff.minUsec * 2 ** inRow, backoff.maxUsec), inRow: inRow + 1 };
}

/** The end of a lifetime is no failure, and neither is an exit with 0. */
function isFailure({ reason, code }: EndedRun['exit']): boolean {
  return reason !== 'lifetime' && !(reason === 'exited' && code === 0);
}
