import { randomUUID } from 'node:crypto';
import type { Plan } from '../plan/plan.js';
import type { Exit } from '../protocol/container.js';
import type { UsageRecord } from '../protocol/record.js';
import type { Spec } from '../protocol/resolved-spec.js';
import type { Usage } from '../protocol/usage.js';
import type { Container } from './container.js';
import { FIRST_RUN, type RunsState } from './runs.js';
import type { SavedState } from './saved-state-types.js';

/** The state that is saved before any part of a container is made. */
export function firstState(
  spec: Spec,
  plan: Plan,
  { idRange, lease }: Pick<SavedState, 'idRange' | 'lease'>,
  bootId: string,
  runs: RunsState = FIRST_RUN,
): SavedState {
  return {
    bootId,
    run: randomUUID(),
    phase: 'making',
    spec,
    cgroup: plan.cgroup.path,
    userns: plan.userns,
    idRange,
    lease,
    pid: 0,
    startTicks: '0',
    createdAt: new Date().toISOString(),
    startedAt: null,
    startedNs: '0',
    deadlineNs: '0',
    sentSignal: 0,
    isDumped: false,
    memory: null,
    usage: null,
    exit: null,
    runs,
    ready: null,
    hooksDone: true,
  };
}

/**
 * Gives the state that the next niwad needs of a container.
 * @param usage the use to be saved
 */
export function stateOf(
  container: Container,
  bootId: string,
  phase: SavedState['phase'],
  usage: Usage | null,
): SavedState {
  const { run, spec, plan, cgroup, userns, idRange, lease, pid, phases, life, meter, endHooks } = container;
  return {
    bootId,
    run,
    phase,
    spec,
    planned: plan === null || plan.limits.resources === spec.resources ? null : plan.limits,
    cgroup,
    userns,
    idRange,
    lease,
    pid,
    startTicks: String(container.startTicks),
    createdAt: container.createdAt.toISOString(),
    startedAt: life.startedAt?.toISOString() ?? null,
    startedNs: String(life.startedNs),
    deadlineNs: String(life.deadlineNs),
    sentSignal: container.control.sentSignal,
    isDumped: container.control.isDumped,
    outlivedOomKills: meter.outlivedOomKills,
    phases,
    memory: meter.memory,
    usage,
    exit: phase === 'exited' ? life.ending : null,
    runs: container.runs.state,
    ready: container.ready,
    hooksDone: endHooks.areDone,
    hookTries: endHooks.tries,
  };
}

/** Gives the phase of a container that is no longer being made. */
export function phaseOf({ life, isUntaken }: Container): SavedState['phase'] {
  if (life.state === 'exited') return 'exited';
  if (isUntaken) return 'making'; // the next niwad ends it
  return life.hasStarted ? 'started' : 'created';
}

/** Gives how a container ended: as its final record says, or, without a final record, as far as it is known. */
export function exitOf({ phase }: Pick<SavedState, 'phase'>, final: UsageRecord | undefined): Exit {
  const reason = phase === 'making' ? 'start-failed' : 'unknown';
  if (final === undefined) return { code: null, signal: null, reason, at: new Date().toISOString() };
  const { code, signal, at } = final;
  return { code, signal, reason: final.reason as Exit['reason'], at };
}
