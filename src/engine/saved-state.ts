import { randomUUID } from 'node:crypto';
import type { IdRange } from '../host/id-pool.js';
import type { Lease } from '../network/lease.js';
import type { Plan } from '../plan/plan.js';
import type { Exit } from '../protocol/container.js';
import type { UsageRecord } from '../protocol/record.js';
import type { Spec } from '../protocol/resolved-spec.js';
import type { Birth } from './container.js';
import type { SavedState } from './state-files.js';

/** What a container has of pools, until its end. */
export interface Own {
  idRange: IdRange | null;
  lease: Lease | null;
}

/** From what is written down of a container, and to it. Pure, but for the time and the name of a run. */

/** What is written down before anything of a container is made. */
export function firstState(spec: Spec, plan: Plan, { idRange, lease }: Own, bootId: string): SavedState {
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
    memory: null,
    usage: null,
    exit: null,
    ready: null,
    hooksDone: true,
  };
}

/** What a container is from its birth on, but for its handle and its plan. */
export function identityOf({
  run,
  spec,
  cgroup,
  userns,
  idRange,
  lease,
  pid,
  startTicks,
  createdAt,
}: SavedState): Omit<Birth, 'handle' | 'plan'> {
  const born = { pid, startTicks: BigInt(startTicks), createdAt: new Date(createdAt) };
  return { run, spec, cgroup, userns, idRange, lease, ...born };
}

/** How it ended as far as anybody knows: as its final record says, where there is one. */
export function exitOf({ phase }: Pick<SavedState, 'phase'>, final: UsageRecord | undefined): Exit {
  const reason = phase === 'making' ? 'start-failed' : 'unknown';
  if (final === undefined) return { code: null, signal: null, reason, at: new Date().toISOString() };
  const { code, signal, at } = final;
  return { code, signal, reason: final.reason as Exit['reason'], at };
}

/** The final record of a container of which there is nothing left but what was written down. */
export function recordOf(stored: SavedState, { code, signal, reason, at }: Exit): UsageRecord {
  const { run, spec, createdAt, startedAt, usage, memory } = stored;
  const { id, owner, labels } = spec;
  return {
    type: 'final',
    run,
    id,
    owner,
    labels,
    created_at: createdAt,
    started_at: startedAt,
    at,
    duration_usec: null,
    reason,
    code,
    signal,
    usage,
    memory_byte_seconds: memory === null || usage?.memory == null ? null : Math.round(memory.byteSeconds),
  };
}
