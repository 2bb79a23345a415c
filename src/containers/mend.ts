import { randomUUID } from 'node:crypto';
import { fittingFields, SavedSpecSchema, SavedStateSchema } from '../engine/saved-state-schema.js';
import type { Damaged, SavedState } from '../engine/saved-state-types.js';
import type { IdRange } from '../host/id-pool.js';
import type { OldestProcess } from '../host/process.js';
import type { Lease } from '../network/lease.js';
import type { UsageRecord } from '../protocol/record.js';
import type { IdMaps, Spec } from '../protocol/resolved-spec.js';
import { parseSpec } from '../spec/spec.js';

/** What is known of a container from other sources than its saved state. */
export interface Remains {
  cgroup: string;
  bootId: string;
  /** Whether the keeper watches the container: the keeper then knows the first process, its start and its deadline. */
  kept: boolean;
  /** The oldest process in the container's group; null if the group has no process. */
  oldest: OldestProcess | null;
  /** The container's address on the bridge; null if it has none, or the address is unknown. */
  lease: Lease | null;
  /** The newest interim record of the container's use; undefined if the ledger has none. */
  interim: UsageRecord | undefined;
}

/** Gives the valid fields of a damaged state, and the valid fields of the spec in it. */
export function soundParts({ said }: Damaged): { state: Partial<SavedState>; spec: Partial<Spec> } {
  const { spec: _, ...state } = fittingFields(SavedStateSchema, said);
  const { id: _id, ...spec } = fittingFields(SavedSpecSchema, (said as { spec?: unknown } | null | undefined)?.spec);
  return { state: state as Partial<SavedState>, spec: spec as Partial<Spec> };
}

/**
 * Makes a state for a container whose saved state is damaged. Each field comes from that state where it is readable,
 * else from the kernel and the ledger. The keeper's deadline and end replace these values later, when the
 * container is adopted. The run keeps the name that the ledger has, so that its use is billed once. Pure, except that a
 * run without a known name gets a random name.
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
    isDumped: state.isDumped ?? false,
    outlivedOomKills: state.outlivedOomKills ?? 0,
    memory: state.memory ?? null,
    usage: state.usage ?? interim?.usage ?? null,
    exit: state.exit ?? null,
    ...(state.runs === undefined ? {} : { runs: state.runs }),
    ready: state.ready ?? null,
    hooksDone: state.hooksDone ?? true,
    hookTries: state.hookTries ?? 0,
  };
}

/**
 * If it is unclear whether a container has ended, the container counts as running: its end is then noticed as soon as
 * it is adopted.
 */
function phaseOf({ phase, exit }: Partial<SavedState>, lives: boolean): SavedState['phase'] {
  if (phase === 'exited') return lives || (exit ?? null) === null ? 'started' : 'exited';
  return phase ?? 'started';
}

function unknownSpec(id: string, lease: Lease | null, interim: UsageRecord | undefined): Spec {
  const network = lease === null ? {} : { network: { address: lease.address } };
  const spec = parseSpec({ id, process: { args: ['unknown'] }, ...network }, id);
  const service = interim?.service == null ? null : { name: interim.service, revision: 0 };
  const found = { ...spec, service, owner: interim?.owner ?? null, labels: interim?.labels ?? {} };
  return interim?.oci === undefined ? found : { ...found, oci: { ...UNKNOWN_ORIGIN, ...interim.oci } };
}

/** What the ledger does not know of a container of an engine. Without its config it has no exec. */
const UNKNOWN_ORIGIN = { bundle: '', rootfs: '', annotations: {} };

function mapsOf(range: IdRange | null): IdMaps | null {
  if (range === null) return null;
  const map = [{ container: 0, host: range.start, size: range.size }];
  return { uids: map, gids: map };
}
