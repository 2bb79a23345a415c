import { formatDuration } from '../../protocol/units.js';
import { again, type Draft, inPhase, isFresh, take } from './draft.js';
import { LAST_CONNECTIONS_USEC } from './replace.js';
import { isGoing, isLeaving } from './serve.js';
import type { EndCause, Instance } from './types.js';

/** A connection whose first packet passed just before the un-routing is counted by then. */
export const LAST_PACKET_USEC = 250_000;

/**
 * Shortly before its deadline an instance is un-routed, also the only one: new connections are held for another one. At
 * its deadline it is told to end.
 */
export function endLifetimes(draft: Draft): void {
  for (const { id, phase, deadlineUsec } of inPhase(draft, 'ready', 'routed', 'unrouted', 'frozen', 'thawing')) {
    if (deadlineUsec === null) continue;
    const leftUsec = deadlineUsec - draft.nowUsec;
    const why =
      leftUsec > 0 ? `the lifetime of ${id} ends in ${formatDuration(leftUsec)}` : `the lifetime of ${id} has ended`;
    if (phase !== 'routed') again(draft, deadlineUsec);
    else if (leftUsec > LAST_CONNECTIONS_USEC) again(draft, deadlineUsec - LAST_CONNECTIONS_USEC);
    else {
      take(draft, { do: 'unroute', id, cause: 'replaced', why });
      again(draft, deadlineUsec);
    }
    if (leftUsec <= 0) take(draft, { do: 'end', id, cause: 'replaced', why });
  }
}

/**
 * What becomes of un-routed instances. One that is going is ended when its last connection is, or after `drain`; not
 * before another one is routed, where the service shall have one. A spare one, un-routed for little load, stays until
 * its lifetime ends, and is taken back first. In a quiet service, and when nobody has needed them for as long, spare
 * ones are frozen or stopped.
 */
export function settleUnrouted(draft: Draft): void {
  const { cause, why } = draft.level;
  const isExact = cause === 'held' || cause === 'removed';
  for (const one of inPhase(draft, 'unrouted')) {
    if (one.unrouted === null) continue;
    if (isGoing(one.unrouted.cause) || isExact || isTooMany(draft)) drain(draft, one, one.unrouted.cause);
    else if (!isFresh(draft, one)) endIfUnused(draft, one, one.unrouted.cause);
    else if (cause === 'idle') putToRest(draft, one, why);
    else restUnneeded(draft, one);
  }
  for (const { id } of inPhase(draft, 'frozen')) {
    if (draft.situation.isDraining)
      take(draft, { do: 'end', id, cause: 'draining', why: 'the node drains, and thaws nothing' });
    else if (isExact || isTooMany(draft)) take(draft, { do: 'end', id, cause, why });
  }
}

function drain(draft: Draft, one: Instance, cause: EndCause): void {
  const { drainUsec } = draft.situation.service;
  const untilUsec = (one.unrouted?.sinceUsec ?? 0) + drainUsec;
  const canWait = draft.level.count > 0 && inPhase(draft, 'routed').length === 0;
  if (draft.nowUsec >= untilUsec) {
    const open = one.connections === 0 ? '' : `, ${one.connections ?? 'perhaps some'} connections are cut`;
    take(draft, { do: 'end', id: one.id, cause, why: `${one.id} has drained for ${formatDuration(drainUsec)}${open}` });
    return;
  }
  again(draft, untilUsec);
  if (!canWait) endIfUnused(draft, one, cause);
}

function endIfUnused(draft: Draft, one: Instance, cause: EndCause): void {
  if (isUnused(draft, one)) take(draft, { do: 'end', id: one.id, cause, why: `${one.id} has no open connections` });
}

function isUnused(draft: Draft, { connections, unrouted }: Instance): boolean {
  const knownUsec = (unrouted?.sinceUsec ?? 0) + LAST_PACKET_USEC;
  again(draft, knownUsec);
  return connections === 0 && draft.nowUsec >= knownUsec;
}

/** A spare one rests when nobody has needed it for the time after which a service is idle. */
function restUnneeded(draft: Draft, one: Instance): void {
  const { afterUsec } = draft.situation.service.idle;
  const restsUsec = Math.max(one.unrouted?.sinceUsec ?? 0, one.lastBusyUsec) + afterUsec;
  again(draft, restsUsec);
  if (draft.nowUsec < restsUsec) return;
  putToRest(draft, one, `${one.id} had no connection for ${formatDuration(afterUsec)}, and was not needed`);
}

function putToRest(draft: Draft, one: Instance, why: string): void {
  const { action } = draft.situation.service.idle;
  if (action === 'none' || !isUnused(draft, one)) return;
  take(draft, action === 'freeze' ? { do: 'freeze', id: one.id, why } : { do: 'end', id: one.id, cause: 'idle', why });
}

/** Fewer slots were applied than there are instances. */
function isTooMany(draft: Draft): boolean {
  return draft.instances.filter((one) => !isLeaving(draft, one)).length > draft.situation.service.slots;
}
