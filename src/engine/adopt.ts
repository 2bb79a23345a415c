import type { Logger } from 'pino';
import { readStartTicks } from '../host/process.js';
import { type Handle, newHandle } from '../kernel/containers.js';
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

const NO_FIFOS = { stdout: '', stderr: '' };

export interface AdoptOptions {
  resources: Resources;
  /** Null if the specs of the adopted containers may be incomplete, because their saved states were damaged. */
  planner: Planner | null;
  kernel: Pick<Kernel, 'births' | 'containers' | 'host' | 'readings'>;
  log: Logger;
}

/** What is known of a container before it is taken over. */
export interface Adoptable {
  saved: SavedState;
  handle: Handle;
}

/**
 * Prepares the take-over of containers of an earlier niwad that the kernel's side still knows: their processes run, or
 * their ends are not taken yet. {@link adopt} has to follow for each.
 * @param fifosOf gives the paths of the FIFOs of a container
 */
export async function prepareAdoptions(
  states: readonly SavedState[],
  { containers }: Pick<Kernel, 'containers'>,
  fifosOf: (id: string) => { stdout: string; stderr: string },
): Promise<Adoptable[]> {
  const adoptable = states.map((saved) => ({ saved, handle: newHandle() }));
  const requests = adoptable.map(({ saved, handle }) => {
    const { spec, cgroup, pid, startTicks, startedNs, deadlineNs } = saved;
    return {
      handle,
      id: spec.id,
      cgroup,
      pid,
      startTicks: BigInt(startTicks),
      startedNs: BigInt(startedNs),
      deadline: deadlineOf(spec, BigInt(deadlineNs), CAUSE.lifetime),
      holdsMounts: holdsMounts(spec),
      ...(spec.oci === undefined ? fifosOf(spec.id) : NO_FIFOS),
    };
  });
  await containers.prepareAdoptions(requests);
  return adoptable;
}

/** Takes over a container that is prepared. @throws KernelError */
export function adopt({ saved, handle }: Adoptable, options: AdoptOptions): Container {
  const { spec, cgroup } = saved;
  const { kernel } = options;
  const adopted = kernel.containers.adopt({ handle, id: spec.id, cgroup });
  const { pid } = adopted;
  const draft = new Draft(spec, `container ${spec.id}`);
  draft.saved = saved;
  draft.handle = handle;
  options.resources.adopt(draft);
  const output = draft.opened;
  const { errno } = output.failure ?? {};
  if (errno !== undefined)
    options.log.error({ id: spec.id, errno }, 'the output of a container can no longer be stored');
  const startTicks = saved.startTicks === '0' ? readStartTicks(pid) : undefined;
  const plan = saved.phase === 'created' && adopted.startedNs === 0n ? planAgain(saved, options) : null;
  return Container.adopted(kernel, identityOf(saved, { handle, plan, pid, startTicks }), output, saved, adopted);
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
