import { STATE_VERSION } from './saved-state-schema.js';
import type { SavedState } from './saved-state-types.js';
import { specText } from './spec-text.js';

/** Gives the JSON of a state. */
export function stateText(saved: SavedState): string {
  const { run, spec, cgroup, userns, idRange, lease, createdAt } = saved;
  const fixed = JSON.stringify({ version: STATE_VERSION, run, cgroup, userns, idRange, lease, createdAt });
  return `${fixed.slice(0, -1)},"spec":${specText(spec)},${changeText(saved).slice(1)}`;
}

/** What does not change during a run: it is in the first line of the run only. */
type Fixed = 'run' | 'spec' | 'cgroup' | 'userns' | 'idRange' | 'lease' | 'createdAt';

/**
 * Gives the JSON of what may change during a run. Its fields are named one by one: V8 takes many times as long to leave
 * out what is fixed.
 */
export function changeText(saved: SavedState): string {
  const change: Record<Exclude<keyof SavedState, Fixed>, unknown> = {
    bootId: saved.bootId,
    phase: saved.phase,
    planned: saved.planned,
    pid: saved.pid,
    startTicks: saved.startTicks,
    startedAt: saved.startedAt,
    startedNs: saved.startedNs,
    deadlineNs: saved.deadlineNs,
    sentSignal: saved.sentSignal,
    outlivedOomKills: saved.outlivedOomKills,
    phases: saved.phases,
    memory: saved.memory,
    usage: saved.usage,
    exit: saved.exit,
    runs: saved.runs,
    ready: saved.ready,
    hooksDone: saved.hooksDone,
    hookTries: saved.hookTries,
    isDumped: saved.isDumped,
  };
  return JSON.stringify(change);
}
