import { again, type Draft, inPhase, take } from './draft.js';
import { isFailing, lacks } from './wake.js';

/** A thawed instance that does not answer by then is sick. */
const THAW_USEC = 5_000_000;

/**
 * An instance that no longer answers is un-routed and ended at once: a connection that is held for its successor is
 * better than one that it does not answer. Where the starts fail, and it is the only one, it stays: a successor may
 * never come.
 */
export function dropSick(draft: Draft): void {
  for (const one of inPhase(draft, 'routed')) {
    if (one.isHealthy) continue;
    const isOnly = !inPhase(draft, 'routed').some((other) => other.isHealthy);
    if (isOnly && isFailing(draft)) continue;
    const why = `${one.id} has failed its live checks`;
    take(draft, { do: 'unroute', id: one.id, cause: 'sick', why });
    take(draft, { do: 'end', id: one.id, cause: 'sick', why });
  }
  for (const one of inPhase(draft, 'ready', 'unrouted')) {
    if (one.isHealthy && one.unrouted?.cause !== 'sick') continue;
    take(draft, { do: 'end', id: one.id, cause: 'sick', why: `${one.id} has failed its live checks` });
  }
  for (const one of inPhase(draft, 'thawing')) {
    const untilUsec = (one.thawedUsec ?? 0) + THAW_USEC;
    if (draft.nowUsec < untilUsec) again(draft, untilUsec);
    else {
      const why = `${one.id} was thawed and has not answered for 5s${lacks(one)}`;
      take(draft, { do: 'end', id: one.id, cause: 'sick', why });
    }
  }
}
