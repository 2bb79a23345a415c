import { formatDuration } from '../../protocol/units.js';
import { again, type Draft, inPhase, serving, take } from './draft.js';
import type { Failures, Instance, RefuseCause, Situation } from './types.js';

/**
 * When the next start may be tried: after the first failure in a row `min`, then twice as long each time, at most
 * `max`.
 */
export function retryAtUsec({ failures, situation }: Pick<Draft, 'failures' | 'situation'>): number {
  if (failures.count === 0) return 0;
  const { minUsec, maxUsec } = situation.service.wake.backoff;
  return failures.lastUsec + Math.min(maxUsec, minUsec * 2 ** (failures.count - 1));
}

/** Whether the last start has failed, and no instance got ready since. */
export function isFailing({
  failures,
  instances,
}: {
  failures: Failures;
  instances: readonly Pick<Instance, 'readyUsec'>[];
}): boolean {
  return failures.count > 0 && !instances.some(({ readyUsec }) => (readyUsec ?? 0) > failures.lastUsec);
}

/** So many, in words. */
export function failedStarts(count: number): string {
  return `${count} failed ${count === 1 ? 'start' : 'starts'} in a row`;
}

/** So soon after its request a start was begun for it: both end at once, with one answer. */
const SAME_MOMENT_USEC = 100_000;

/** What an instance lacks, for the end of a sentence. */
export function lacks({ missing }: Instance): string {
  return missing === null ? '' : `: ${missing}`;
}

/** Ends what has not become ready for as long as a request is held. */
export function endLateStarts(draft: Draft): void {
  const { waiting, service } = draft.situation;
  const { timeoutUsec } = service.wake;
  for (const one of inPhase(draft, 'starting')) {
    const sinceUsec = waiting?.sinceUsec ?? one.startedUsec;
    const isForRequest = Math.abs(one.startedUsec - sinceUsec) <= SAME_MOMENT_USEC;
    const untilUsec = (isForRequest ? Math.min(sinceUsec, one.startedUsec) : one.startedUsec) + timeoutUsec;
    if (draft.nowUsec < untilUsec) again(draft, untilUsec);
    else {
      const why = `${one.id} did not get ready in ${formatDuration(timeoutUsec)} (wake.timeout)${lacks(one)}`;
      take(draft, { do: 'end', id: one.id, cause: 'start-timeout', why });
    }
  }
}

/**
 * Refuses the requests that are held in vain, and says to the data path whether new ones are held or refused. They have
 * causes of their own: those that were held for a failed start, and those that come in its backoff.
 */
export function answerRequests(draft: Draft): void {
  const { waiting } = draft.situation;
  const held = waiting && refusal(draft, waiting);
  if (held) take(draft, { do: 'refuse', ...held });
  const next = waiting && !held ? null : refusal(draft, null);
  if (next && draft.refusing !== next.cause) take(draft, { do: 'refuse', ...next });
  if (!next && draft.refusing) take(draft, { do: 'accept', why: 'requests may wake the service again' });
}

/** Why requests are refused: those that wait, or new ones where none does; null where they are held or served. */
function refusal(draft: Draft, waiting: Situation['waiting']): { cause: RefuseCause; why: string } | null {
  const { isRemoved, hold, isDraining, service } = draft.situation;
  if (isRemoved) return { cause: 'removed', why: 'the service was removed' };
  if (hold === 0) return { cause: 'held-at-zero', why: 'the service is held at 0 instances' };
  if (inPhase(draft, 'routed').length > 0) return null;
  const isComing = serving(draft).length > 0;
  if (isDraining && !isComing) return { cause: 'draining', why: 'the node drains, and wakes nothing' };
  if (waiting && draft.nowUsec >= waiting.sinceUsec + service.wake.timeoutUsec)
    return {
      cause: 'timeout',
      why: `requests have waited for ${formatDuration(service.wake.timeoutUsec)} (wake.timeout)`,
    };
  if (waiting) again(draft, waiting.sinceUsec + service.wake.timeoutUsec);
  return isComing ? null : refusalOfBackoff(draft, waiting);
}

function refusalOfBackoff(draft: Draft, waiting: Situation['waiting']): { cause: RefuseCause; why: string } | null {
  const { failures, nowUsec } = draft;
  const retryUsec = retryAtUsec(draft);
  if (nowUsec >= retryUsec) return null;
  again(draft, retryUsec);
  const cause = waiting && waiting.sinceUsec <= failures.lastUsec ? 'start-failed' : 'backoff';
  const next = formatDuration(retryUsec - nowUsec);
  return { cause, why: `${failedStarts(failures.count)}: the next one may be in ${next}` };
}
