import { beginDraft, finish } from './draft.js';
import { endLifetimes, settleUnrouted } from './leave.js';
import { decideLevel } from './level.js';
import { lower, raise, routeReady } from './serve.js';
import { dropSick } from './sick.js';
import type { Decision, Situation } from './types.js';
import { answerRequests, endLateStarts } from './wake.js';

/** The rules, in their order: what one adds is seen by the next. */
const RULES = [
  decideLevel,
  endLateStarts,
  routeReady,
  endLifetimes,
  dropSick,
  raise,
  lower,
  settleUnrouted,
  answerRequests,
];

/**
 * Decides what a service does next. Pure: the same situation gives the same decision. Instances are routed before
 * others are un-routed, so that a service which has requests is never without one as long as another can serve.
 */
export function decide(situation: Situation): Decision {
  const draft = beginDraft(situation);
  for (const rule of RULES) rule(draft);
  return finish(draft);
}
