import { formatDuration } from '../../protocol/units.js';
import { again, byDeadline, type Draft, inPhase, isDue, isFresh, isOutdated, missing, serving, take } from './draft.js';
import { whyReplaced } from './replace.js';
import type { EndCause, Instance, UnrouteCause } from './types.js';
import { failedStarts, isFailing, retryAtUsec } from './wake.js';

/** What has less of its lifetime left is not worth being routed again. */
const USABLE_USEC = 1_000_000;

/** Routes what has become ready, and ends what is no longer wanted before it ever served. */
export function routeReady(draft: Draft): void {
  const { count, cause, why } = draft.level;
  const endAll = count === 0 && (cause === 'removed' || cause === 'held');
  for (const one of inPhase(draft, 'starting', 'thawing', 'frozen', 'ready')) {
    if (endAll) take(draft, { do: 'end', id: one.id, cause, why });
    else if (isOutdated(draft, one)) end(draft, one, 'outdated', whyReplaced(draft.situation, one));
    else if (one.phase === 'ready') routeOrEnd(draft, one);
  }
}

function routeOrEnd(draft: Draft, one: Instance): void {
  const { count, cause, why } = draft.level;
  const fresh = inPhase(draft, 'routed').filter((other) => isFresh(draft, other)).length;
  if (fresh >= count) end(draft, one, cause, `${one.id} is not needed any more: ${why}`);
  else take(draft, { do: 'route', id: one.id, why: `${one.id} answers` });
}

function end(draft: Draft, { id }: Instance, cause: EndCause, why: string): void {
  take(draft, { do: 'end', id, cause, why });
}

/**
 * Brings as many instances on their way as the level lacks, the quickest first: un-routed ones are routed again, frozen
 * ones are thawed, new ones are started.
 */
export function raise(draft: Draft): void {
  if (draft.level.count === 0) return;
  takeBack(draft, (one) => isFresh(draft, one));
  helpWaiting(draft);
  if (draft.situation.isDraining) return;
  start(draft);
  warnOfSuccessors(draft);
}

function takeBack(draft: Draft, canServe: (one: Instance) => boolean, most = missing(draft)): void {
  const { isDraining } = draft.situation;
  const phases = isDraining ? (['unrouted'] as const) : (['unrouted', 'frozen'] as const);
  const canStay = (one: Instance) => canServe(one) && !(isDraining && draft.nowUsec >= leavesUsec(draft, one));
  const spares = phases.flatMap((phase) => inPhase(draft, phase).filter(canStay).sort(byDeadline).reverse());
  for (const { id, phase } of spares.slice(0, Math.max(0, most))) {
    const why = `${id} is taken back: ${draft.level.why}`;
    take(draft, { do: phase === 'frozen' ? 'thaw' : 'route', id, why });
  }
}

/**
 * While requests wait and nothing is routed, an instance serves that would else only be ended, until others are ready.
 */
function helpWaiting(draft: Draft): void {
  if (draft.situation.waiting === null || inPhase(draft, 'routed', 'ready', 'thawing').length > 0) return;
  const worthUntilUsec = draft.nowUsec + USABLE_USEC;
  takeBack(draft, (one) => one.isHealthy && (one.deadlineUsec ?? Number.MAX_VALUE) >= worthUntilUsec, 1);
}

function start(draft: Draft): void {
  const { situation, nowUsec } = draft;
  const lacking = missing(draft);
  if (lacking <= 0) return;
  const retryUsec = retryAtUsec(draft);
  again(draft, retryUsec);
  if (nowUsec < retryUsec) return;
  const old = unsucceeded(draft);
  for (const one of [...Array<null>(Math.max(0, lacking - old.length)).fill(null), ...old].slice(0, lacking)) {
    if (!hasRoom(draft) || (one && mustWait(draft, one))) return;
    const why = one ? whyReplaced(situation, one) : draft.level.why;
    const after = isFailing(draft) ? `; after ${failedStarts(draft.failures.count)}` : '';
    take(draft, { do: 'start', replaces: one?.id ?? null, why: why + after });
  }
}

/** The serving instances that need a successor and have none on its way; those whose lifetime ends come first. */
function unsucceeded(draft: Draft): Instance[] {
  const all = serving(draft);
  const succeeded = new Set(all.map(({ replaces }) => replaces));
  return all
    .filter((one) => !isFresh(draft, one) && !succeeded.has(one.id))
    .sort((a, b) => Number(isDue(draft, b)) - Number(isDue(draft, a)) || byDeadline(a, b));
}

/** Outdated instances are replaced one by one: a revision that does not start shall not take all their places. */
function mustWait(draft: Draft, one: Instance): boolean {
  return isOutdated(draft, one) && !isDue(draft, one) && inPhase(draft, 'starting').length > 0;
}

/**
 * Slots are what the customer has reserved: never more instances than these. A replacement needs one more for a
 * moment, so one instance that is about to go does not count, and one only: with `slots: 1` there are two for the time
 * of a start and a drain. An instance counts from the beginning of its start until its container has ended.
 */
function hasRoom(draft: Draft): boolean {
  const surplus = draft.instances.some((one) => isLeaving(draft, one)) ? 1 : 0;
  return draft.instances.length < draft.situation.service.slots + surplus;
}

/** Whether it is about to go: its lifetime ends, it is replaced or drained, or was told to stop. */
export function isLeaving(draft: Draft, one: Instance): boolean {
  return one.phase === 'ending' || !isFresh(draft, one) || (one.unrouted !== null && isGoing(one.unrouted.cause));
}

/** Whether an instance that was un-routed for this cause is ended when it has drained. Others may be routed again. */
export function isGoing(cause: UnrouteCause): boolean {
  return cause !== 'scale-in' && cause !== 'idle';
}

/** Says once for each failure that an instance has no successor, and serves to its deadline. */
function warnOfSuccessors(draft: Draft): void {
  const { failures, memory, nowUsec } = draft;
  if (!isFailing(draft) || memory.warnedUsec === failures.lastUsec) return;
  const one = unsucceeded(draft).find(({ phase }) => phase === 'routed');
  if (!one) return;
  draft.memory = { ...memory, warnedUsec: failures.lastUsec };
  const left =
    one.deadlineUsec === null ? 'without a deadline' : `for ${formatDuration(one.deadlineUsec - nowUsec)} more`;
  const why = `the successor of ${one.id} has failed (${failures.count} in a row); ${one.id} serves ${left}`;
  take(draft, { do: 'warn', why });
}

/** Un-routes what is routed beyond the level: first what has a successor, then what is nearest to its deadline. */
export function lower(draft: Draft): void {
  if (draft.situation.isDraining) leaveDrainingNode(draft);
  const routed = inPhase(draft, 'routed');
  const order = routed.sort((a, b) => Number(isFresh(draft, a)) - Number(isFresh(draft, b)) || byDeadline(a, b));
  for (const one of order.slice(0, Math.max(0, routed.length - draft.level.count))) {
    const isReplaced = !isFresh(draft, one) && draft.level.count > 0;
    if (!isReplaced) take(draft, { do: 'unroute', id: one.id, cause: draft.level.cause, why: draft.level.why });
    else {
      const cause = isOutdated(draft, one) ? 'outdated' : 'replaced';
      take(draft, { do: 'unroute', id: one.id, cause, why: whyReplaced(draft.situation, one) });
    }
  }
}

/** On a node that drains nobody succeeds: new requests go elsewhere while the last ones of an instance end. */
function leaveDrainingNode(draft: Draft): void {
  for (const one of inPhase(draft, 'routed')) {
    if (one.deadlineUsec === null) continue;
    const leaves = leavesUsec(draft, one);
    if (draft.nowUsec < leaves) again(draft, leaves);
    else {
      const why = `the node drains, and the lifetime of ${one.id} ends in ${formatDuration(draft.situation.service.drainUsec)}`;
      take(draft, { do: 'unroute', id: one.id, cause: 'draining', why });
    }
  }
}

/** When an instance gets no new connections any more on a node that drains; infinite for one without a lifetime. */
function leavesUsec({ situation, replaceAtUsec }: Draft, { id, deadlineUsec }: Instance): number {
  if (deadlineUsec === null) return Number.POSITIVE_INFINITY;
  return Math.max(deadlineUsec - situation.service.drainUsec, replaceAtUsec.get(id) ?? 0);
}
