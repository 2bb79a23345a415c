import { afterEnd } from './failures.js';
import { replaceTimes } from './replace.js';
import type {
  Decision,
  Failures,
  Instance,
  Memory,
  Phase,
  RefuseCause,
  Situation,
  Step,
  UnrouteCause,
} from './types.js';

/** How many instances shall serve, why, and the cause that an un-routing has that brings them down to this. */
export interface Level {
  readonly count: number;
  readonly cause: UnrouteCause;
  readonly why: string;
}

/** A decision in the making. The rules add steps to it in turn; each sees the effects of the steps before it. */
export interface Draft {
  readonly situation: Situation;
  readonly nowUsec: number;
  /** When each instance with a deadline needs a successor. */
  readonly replaceAtUsec: ReadonlyMap<string, number>;
  readonly steps: Step[];
  /** The instances as they will be when the steps have been carried out. */
  instances: Instance[];
  level: Level;
  failures: Failures;
  refusing: RefuseCause | null;
  memory: Memory;
  againUsec: number | null;
}

const PHASE_AFTER = {
  route: 'routed',
  unroute: 'unrouted',
  freeze: 'frozen',
  thaw: 'thawing',
  end: 'ending',
} as const satisfies Partial<Record<Step['do'], Phase>>;

export function beginDraft(situation: Situation): Draft {
  const draft: Draft = {
    situation,
    nowUsec: situation.nowUsec,
    replaceAtUsec: replaceTimes(situation),
    steps: [],
    instances: [...situation.instances],
    level: { count: 0, cause: 'idle', why: '' },
    failures: situation.failures,
    refusing: situation.refusing,
    memory: situation.memory,
    againUsec: null,
  };
  for (const atUsec of draft.replaceAtUsec.values()) again(draft, atUsec);
  return draft;
}

/** Adds a step, and shows its effect in the draft. */
export function take(draft: Draft, step: Step): void {
  draft.steps.push(step);
  if (step.do === 'warn') return;
  if (step.do === 'accept' || step.do === 'refuse') draft.refusing = step.do === 'accept' ? null : step.cause;
  else if (step.do === 'start') draft.instances.push(starting(draft, step.replaces));
  else draft.instances = draft.instances.map((one) => (one.id === step.id ? after(draft, one, step) : one));
  if (step.do === 'end')
    draft.failures = afterEnd(draft.failures, draft.nowUsec, readyUsecOf(draft, step.id), step.cause);
}

function readyUsecOf({ instances }: Draft, id: string): number | null {
  return instances.find((one) => one.id === id)?.readyUsec ?? null;
}

function after(draft: Draft, one: Instance, step: Extract<Step, { id: string }>): Instance {
  const unrouted = step.do === 'unroute' ? { cause: step.cause, sinceUsec: draft.nowUsec } : one.unrouted;
  return {
    ...one,
    phase: PHASE_AFTER[step.do],
    unrouted: step.do === 'route' ? null : unrouted,
    connections: step.do === 'unroute' ? null : one.connections,
  };
}

/** The instance that a start step makes; nobody names it before the next decision. */
function starting({ nowUsec, situation }: Draft, replaces: string | null): Instance {
  return {
    id: '',
    revision: situation.revision,
    phase: 'starting',
    replaces,
    startedUsec: nowUsec,
    readyUsec: null,
    routedUsec: null,
    unrouted: null,
    thawedUsec: null,
    deadlineUsec: null,
    connections: null,
    lastBusyUsec: 0,
    reading: null,
    isHealthy: true,
    missing: null,
  };
}

/** The decision is to be made again at this time, if it is to come. */
export function again(draft: Draft, atUsec: number): void {
  if (atUsec > draft.nowUsec) draft.againUsec = Math.min(draft.againUsec ?? Number.POSITIVE_INFINITY, atUsec);
}

export function finish({ steps, memory, level, againUsec }: Draft): Decision {
  return { steps, memory: { ...memory, level: level.count }, againUsec };
}

export function inPhase(draft: Draft, ...phases: readonly Phase[]): Instance[] {
  return draft.instances.filter((one) => phases.includes(one.phase));
}

/** Those that serve or are on their way to it. */
export function serving(draft: Draft): Instance[] {
  return inPhase(draft, 'starting', 'ready', 'routed', 'thawing');
}

/** `apply --now` replaces it. */
export function isOutdated(draft: Draft, one: Instance): boolean {
  return one.revision < draft.situation.replaceBelow;
}

/** Its lifetime is so near its end that it needs a successor. */
export function isDue(draft: Draft, one: Instance): boolean {
  return draft.nowUsec >= (draft.replaceAtUsec.get(one.id) ?? Number.POSITIVE_INFINITY);
}

/** It can serve for a while yet: an instance that is not fresh needs a successor, or goes. */
export function isFresh(draft: Draft, one: Instance): boolean {
  return one.isHealthy && !isDue(draft, one) && !isOutdated(draft, one);
}

/** How many instances the level lacks. */
export function missing(draft: Draft): number {
  return draft.level.count - serving(draft).filter((one) => isFresh(draft, one)).length;
}

/** Orders by the end of the lifetime, the nearest first. */
export function byDeadline(a: Instance, b: Instance): number {
  return (a.deadlineUsec ?? Number.MAX_VALUE) - (b.deadlineUsec ?? Number.MAX_VALUE);
}
