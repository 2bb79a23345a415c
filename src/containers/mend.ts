import { randomUUID } from 'node:crypto';
import { fittingFields, SavedSpecSchema, SavedStateSchema } from '../engine/saved-state-schema.js';
import type { Damaged, SavedState } from '../engine/state-files.js';
import type { IdRange } from '../host/id-pool.js';
import type { OldestProcess } from '../host/process.js';
import type { Lease } from '../network/lease.js';
import type { UsageRecord } from '../protocol/record.js';
import type { IdMaps, Spec } from '../protocol/resolved-spec.js';
import { parseSpec } from '../spec/spec.js';

/** What others than its state file know of a container. */
export interface Remains {
  cgroup: string;
  bootId: string;
  /** Whether the keeper has it: then it knows the first process, its start and its deadline. */
  kept: boolean;
  /** Its oldest process; null where all have gone. */
  oldest: OldestProcess | null;
  /** Its place on the bridge; null where it has none that anybody knows. */
  lease: Lease | null;
  /** The last record of its use so far; undefined where the ledger has none. */
  interim: UsageRecord | undefined;
}

/** Gives the fields of a damaged state file that are as they should be, and those of its spec. */
export function soundParts({ said }: Damaged): { state: Partial<SavedState>; spec: Partial<Spec> } {
  const { spec: _, ...state } = fittingFields(SavedStateSchema, said);
  const { id: _id, ...spec } = fittingFields(SavedSpecSchema, (said as { spec?: unknown } | null | undefined)?.spec);
  return { state: state as Partial<SavedState>, spec: spec as Partial<Spec> };
}

/**
 * Makes a state for a container whose state file is damaged: what the file still says, else what the kernel and the ledger know.
 * What the keeper knows of its deadline and its end comes before that, when it is taken over. The run goes on under the name
 * that the ledger has for it: what was used is billed once. Pure, but for the name of a run that nobody knows.
 */
export function mend(damaged: Damaged, { cgroup, bootId, kept, oldest, lease, interim }: Remains): SavedState {
  const { state, spec } = soundParts(damaged);
  const idRange = oldest?.idRange ?? state.idRange ?? null;
  const place = state.lease ?? lease;
  const first = kept ? null : oldest;
  return {
    bootId: state.bootId ?? bootId,
    run: state.run ?? interim?.run ?? randomUUID(),
    phase: phaseOf(state, oldest !== null),
    spec: { ...unknownSpec(damaged.id, place, interim), ...spec },
    cgroup,
    userns: state.userns ?? mapsOf(idRange),
    idRange,
    lease: place,
    pid: first?.pid ?? 0,
    startTicks: String(first?.startTicks ?? 0),
    createdAt: state.createdAt ?? interim?.created_at ?? new Date().toISOString(),
    startedAt: state.startedAt ?? interim?.started_at ?? null,
    startedNs: state.startedNs ?? String(first?.bornNs ?? 0),
    deadlineNs: state.deadlineNs ?? '0',
    sentSignal: state.sentSignal ?? 0,
    outlivedOomKills: state.outlivedOomKills ?? 0,
    memory: state.memory ?? null,
    usage: state.usage ?? interim?.usage ?? null,
    exit: state.exit ?? null,
    ready: state.ready ?? null,
    hooksDone: state.hooksDone ?? true,
    hookTries: state.hookTries ?? 0,
  };
}

/** Where it is in doubt, a container is one that goes on: its end is seen to as soon as it is taken over. */
function phaseOf({ phase, exit }: Partial<SavedState>, lives: boolean): SavedState['phase'] {
  if (phase === 'exited') return lives || (exit ?? null) === null ? 'started' : 'exited';
  return phase ?? 'started';
}

function unknownSpec(id: string, lease: Lease | null, interim: UsageRecord | undefined): Spec {
  const network = lease === null ? {} : { network: { address: lease.address } };
  const spec = parseSpec({ id, process: { args: ['unknown'] }, ...network }, id);
  return { ...spec, owner: interim?.owner ?? null, labels: interim?.labels ?? {} };
}

function mapsOf(range: IdRange | null): IdMaps | null {
  if (range === null) return null;
  const map = [{ container: 0, host: range.start, size: range.size }];
  return { uids: map, gids: map };
}
