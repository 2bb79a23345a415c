import type { Exit } from '../protocol/container.js';
import type { UsageRecord } from '../protocol/record.js';
import type { Spec } from '../protocol/resolved-spec.js';
import type { Container } from './container.js';
import type { SavedState } from './saved-state-types.js';

/**
 * Gives the usage record of a container: the final record if `exit` is given, else an interim record.
 * @param usec the end of the recorded time, in microseconds of CLOCK_BOOTTIME
 */
export function usageRecord(container: Container, usec: number, exit: Exit | null = null): UsageRecord {
  const { run, id, createdAt, startedAt, life, meter, endKnown } = container;
  const { owner, labels, service } = container.spec;
  const usage = meter.usage();
  const record: UsageRecord = {
    type: exit === null ? 'interim' : 'final',
    run,
    id,
    owner,
    service: service?.name ?? null,
    labels,
    created_at: createdAt.toISOString(),
    started_at: startedAt?.toISOString() ?? null,
    at: exit?.at ?? new Date().toISOString(),
    duration_usec: life.hasStarted && endKnown ? Math.max(0, usec - Number(life.startedNs / 1000n)) : null,
    reason: exit?.reason ?? null,
    code: exit?.code ?? null,
    signal: exit?.signal ?? null,
    usage,
    memory_byte_seconds: usage.memory === null ? null : Math.round(meter.memory.byteSeconds),
  };
  return withEngine(record, container.spec);
}

/** Makes the final record of a container from its saved state, if nothing else is left of it. */
export function recordOf(saved: SavedState, { code, signal, reason, at }: Exit): UsageRecord {
  const { run, spec, createdAt, startedAt, usage, memory } = saved;
  const { id, owner, labels, service } = spec;
  const record: UsageRecord = {
    type: 'final',
    run,
    id,
    owner,
    service: service?.name ?? null,
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
  return withEngine(record, spec);
}

/** Adds what its engine calls the container; the record of any other one stays as it is. */
function withEngine(record: UsageRecord, { oci }: Pick<Spec, 'oci'>): UsageRecord {
  if (oci !== undefined) record.oci = { id: oci.id, root: oci.root };
  return record;
}
