import type { Logger } from 'pino';
import { readStartTicks } from '../host/process.js';
import { newHandle } from '../kernel/containers.js';
import type { Kernel } from '../kernel/kernel.js';
import { holdsMounts } from '../plan/namespaces.js';
import type { Plan } from '../plan/plan.js';
import { Container } from './container.js';
import { deadlineOf } from './deadline.js';
import { CAUSE } from './exit.js';
import { identityOf } from './identity.js';
import type { Planner } from './planner.js';
import { Draft } from './resources/resource.js';
import type { Resources } from './resources/resources.js';
import type { SavedState } from './saved-state-types.js';

export interface AdoptOptions {
  resources: Resources;
  /** Null if the specs of the adopted containers may be incomplete, because their saved states were damaged. */
  planner: Planner | null;
  kernel: Pick<Kernel, 'births' | 'containers' | 'host' | 'readings'>;
  log: Logger;
}

/**
 * Takes over a container of an earlier niwad that the kernel's side still knows: its process runs, or its end is not
 * taken yet.
 * @throws KernelError
 */
export function adopt(saved: SavedState, options: AdoptOptions): Container {
  const { spec, cgroup } = saved;
  const { kernel } = options;
  const handle = newHandle();
  const identity = identityOf(saved);
  const adopted = kernel.containers.adopt({
    handle,
    id: spec.id,
    cgroup,
    pid: saved.pid,
    startTicks: identity.startTicks,
    startedNs: BigInt(saved.startedNs),
    deadline: deadlineOf(spec, BigInt(saved.deadlineNs), CAUSE.lifetime),
    holdsMounts: holdsMounts(spec),
  });
  const { pid } = adopted;
  const draft = new Draft(spec, `container ${spec.id}`);
  draft.saved = saved;
  draft.handle = handle;
  options.resources.adopt(draft);
  const output = draft.opened;
  const { errno } = output.failure ?? {};
  if (errno !== undefined)
    options.log.error({ id: spec.id, errno }, 'the output of a container can no longer be stored');
  const startTicks = identity.startTicks === 0n ? readStartTicks(pid) : identity.startTicks;
  const plan = saved.phase === 'created' && adopted.startedNs === 0n ? planAgain(saved, options) : null;
  return Container.adopted(kernel, { ...identity, handle, pid, startTicks, plan }, output, saved, adopted);
}

/**
 * Compiles the plan again, because plans are not saved: for the limits of the first time, so that the number of a step
 * is the same. If this fails, the container goes on without a plan; a failed
 * start then cannot name the failed step.
 */
function planAgain({ spec, planned, idRange }: SavedState, { planner, log }: AdoptOptions): Plan | null {
  if (spec.oci !== undefined) return null; // its config is not saved
  try {
    return planner?.planOfAdopted({ ...spec, ...planned }, idRange) ?? null;
  } catch (error) {
    log.error(
      { id: spec.id, err: error },
      'the plan of a container cannot be compiled again: a failed start will not name its step',
    );
    return null;
  }
}
