import type { IdRange } from '../host/id-pool.js';
import type { Handle } from '../kernel/containers.js';
import type { Lease } from '../network/lease.js';
import type { Plan } from '../plan/plan.js';
import type { IdMaps, Spec } from '../protocol/resolved-spec.js';
import { FIRST_RUN, type RunsState } from './runs.js';
import type { SavedState } from './saved-state-types.js';

/** The facts about a container that are fixed when it is made. Only the spec may be replaced later. */
export interface Identity {
  /** The name of this run in the ledger. */
  run: string;
  spec: Spec;
  cgroup: string;
  /** The id maps of the container's user namespace; null if the container uses the host's user namespace. */
  userns: IdMaps | null;
  /** The host ids that only this container has, given back at its end; null if it has none from the pool. */
  idRange: IdRange | null;
  /** The container's address on the bridge; null if it has none. */
  lease: Lease | null;
  /** 0 if the kernel's side does not know the container, because it had ended before it was taken over. */
  handle: Handle;
  pid: number;
  /** The start time of the first process: pid and start time together are unique for the whole boot. */
  startTicks: bigint;
  createdAt: Date;
  /** Its place among the runs of the container. */
  place: RunsState;
  /** The plan that a start follows; null if the container has been started before, or the plan is unknown. */
  plan: Plan | null;
}

/** What is not saved of a container; its process, where that is not saved yet, or the kernel knows better. */
interface Known extends Pick<Identity, 'handle' | 'plan'> {
  pid?: number;
  startTicks?: bigint | undefined;
}

/** Gives the identity of a container from its saved state, and from what is not saved. Pure. */
export function identityOf(saved: SavedState, { handle, plan, pid, startTicks }: Known): Identity {
  // no spread in the literal: V8 takes many times as long for what stands behind one
  return {
    run: saved.run,
    spec: saved.spec,
    cgroup: saved.cgroup,
    userns: saved.userns,
    idRange: saved.idRange,
    lease: saved.lease,
    handle,
    pid: pid ?? saved.pid,
    startTicks: startTicks ?? BigInt(saved.startTicks),
    createdAt: new Date(saved.createdAt),
    place: saved.runs ?? FIRST_RUN,
    plan,
  };
}
