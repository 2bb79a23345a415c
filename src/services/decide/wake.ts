import { formatDuration } from '../../protocol/units.js';
import { again, type Draft, inPhase, serving, take } from './draft.js';
import type { RefuseCause, Situation } from './types.js';

/**
 * When the next start may be tried: after the first failure in a row `min`, then twice as long each time, at most
 * `max`.
 */
export function retryAtUsec({ failures, service }: Situation): number {
  if (failures.count === 0) return 0;
  const { minUsec, maxUsec } = service.wake.backoff;
  return failures.lastUsec + Math.min(maxUsec, minUsec * 2 ** (failures.count - 1));
}

/** Whether the last start has failed, and no instance got ready since. */
export function isFailing({ failures, instances }: Situation): boolean {
  return failures.count > 0 && !instances.some(({ readyUsec }) => (readyUsec ?? 0) > failures.lastUsec);
}

/** Ends what has not become ready for as long as a request is held. */
export function endLateStarts(draft: Draft): void {
  const { timeoutUsec } = draft.situation.service.wake;
  for (const one of inPhase(draft, 'starting')) {
    const untilUsec = one.startedUsec + timeoutUsec;
    if (draft.nowUsec < untilUsec) again(draft, untilUsec);
    else {
      const why = `${one.id} did not get ready in ${formatDuration(timeoutUsec)} (wake.timeout)`;
      take(draft, { do: 'end', id: one.id, cause: 'start-timeout', why });
    }
  }
}

/** Says to the data path whether new requests are held or refused, and refuses those that are held in vain. */
export function answerRequests(draft: Draft): void {
  const { waiting, refusing } = draft.situation;
  const refusal = refusalNow(draft);
  if (refusal && (waiting || refusing !== refusal.cause)) take(draft, { do: 'refuse', ...refusal });
  if (!refusal && refusing) take(draft, { do: 'accept', why: 'requests may wake the service again' });
}

function refusalNow(draft: Draft): { cause: RefuseCause; why: string } | null {
  const { nowUsec, situation } = draft;
  const { isRemoved, hold, isDraining, waiting, failures, service } = situation;
  if (isRemoved) return { cause: 'removed', why: 'the service was removed' };
  if (hold === 0) return { cause: 'held-at-zero', why: 'the service is held at 0 instances' };
  if (inPhase(draft, 'routed').length > 0) return null;
  const isComing = serving(draft).length > 0;
  if (isDraining && !isComing) return { cause: 'draining', why: 'the node drains, and wakes nothing' };
  const retryUsec = retryAtUsec(situation);
  if (nowUsec < retryUsec && !isComing) {
    again(draft, retryUsec);
    const cause = waiting && waiting.sinceUsec <= failures.lastUsec ? 'start-failed' : 'backoff';
    const next = formatDuration(retryUsec - nowUsec);
    return { cause, why: `${failures.count} starts in a row have failed, the next may be in ${next}` };
  }
  if (waiting === null) return null;
  const untilUsec = waiting.sinceUsec + service.wake.timeoutUsec;
  again(draft, untilUsec);
  const waited = formatDuration(service.wake.timeoutUsec);
  return nowUsec < untilUsec ? null : { cause: 'timeout', why: `requests have waited for ${waited} (wake.timeout)` };
}
