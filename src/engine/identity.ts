import type { IdRange } from '../host/id-pool.js';
import type { Handle } from '../kernel/containers.js';
import type { Lease } from '../network/lease.js';
import type { Plan } from '../plan/plan.js';
import type { IdMaps, Spec } from '../protocol/resolved-spec.js';
import type { SavedState } from './state-files.js';

/** What a container is from its making on; only its spec may be replaced by a later one. */
export interface Identity {
  /** Names this run in the ledger. */
  run: string;
  spec: Spec;
  cgroup: string;
  /** The maps of its user namespace; null for the host's. */
  userns: IdMaps | null;
  /** The host ids that are its own, to be given back at the end; null where it has none of the pool. */
  idRange: IdRange | null;
  /** Its address on the bridge; null where it has none. */
  lease: Lease | null;
  /** 0 where the kernel does not know it: it had ended when it was taken over. */
  handle: Handle;
  pid: number;
  /** With the pid it names the first process for ever. */
  startTicks: bigint;
  createdAt: Date;
  /** What its start follows; null where it has been started before, or nobody knows. */
  plan: Plan | null;
}

/** Gives what a state file says of the identity of a container. Handle and plan are of one process of niwad, and not in it. Pure. */
export function identityOf(saved: SavedState): Omit<Identity, 'handle' | 'plan'> {
  const { run, spec, cgroup, userns, idRange, lease, pid, startTicks, createdAt } = saved;
  const process = { pid, startTicks: BigInt(startTicks), createdAt: new Date(createdAt) };
  return { run, spec, cgroup, userns, idRange, lease, ...process };
}
