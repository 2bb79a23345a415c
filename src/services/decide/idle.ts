import { formatDuration } from '../../protocol/units.js';
import { again, type Draft, inPhase, isDue, type Level } from './draft.js';

/** Remembers the last moment at which the service had a request: instances go, and this stays. */
export function noteBusy(draft: Draft): void {
  const { instances, waiting, memory } = draft.situation;
  const isBusy = waiting !== null || instances.some(({ connections }) => (connections ?? 0) > 0);
  const times = instances.map(({ lastBusyUsec }) => lastBusyUsec);
  const busyUsec = isBusy ? draft.nowUsec : Math.max(memory.busyUsec ?? draft.nowUsec, ...times);
  draft.memory = { ...memory, busyUsec };
}

/**
 * The level of a quiet service: one that has had no request for `idle.after`, and has no established connection. null
 * for a service that is not quiet. `freeze` and `stop` leave its minimum, at once. With
 * `none`, quiet instances are routed until their lifetime ends, and are not replaced.
 */
export function quietLevel(draft: Draft, kept: Level, there: number): Level | null {
  const { minInstances, slots, idle } = draft.situation.service;
  const busyUsec = draft.memory.busyUsec ?? draft.nowUsec;
  const quietUsec = busyUsec + idle.afterUsec;
  if (draft.nowUsec < quietUsec) {
    if (draft.instances.length > 0) again(draft, quietUsec);
    return null;
  }
  const due = inPhase(draft, 'routed').filter((one) => isDue(draft, one)).length;
  const left = idle.action === 'none' ? Math.min(kept.count, there) - due : 0;
  const count = Math.max(Math.min(minInstances, slots), left);
  if (count > there) return { count, cause: 'idle', why: `minInstances is ${count}` };
  const why = `no request for ${formatDuration(draft.nowUsec - busyUsec)}`;
  return { count, cause: 'idle', why: `${why}, and the service is idle after ${formatDuration(idle.afterUsec)}` };
}
