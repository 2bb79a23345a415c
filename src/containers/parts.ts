import type { Allowed, Caller } from '../access/allowed.js';
import type { Membership } from '../access/membership.js';
import type { Operation, Policy } from '../access/operations.js';
import type { Books } from '../engine/books.js';
import type { Container } from '../engine/container.js';
import type { Maker } from '../engine/maker.js';
import type { Planner } from '../engine/planner.js';
import type { CgroupTree } from '../host/cgroup.js';
import type { ImageStore } from '../images/store.js';
import type { Kernel } from '../kernel/kernel.js';
import type { Networks } from '../network/networks.js';
import { NiwaError } from '../protocol/errors.js';
import type { VolumeStore } from '../volumes/store.js';
import type { Admission } from './admission.js';
import type { ContainerHooks } from './container-hooks.js';
import type { Endings } from './endings.js';
import type { Registry } from './registry.js';
import type { Restarts } from './restarts/restarts.js';
import type { SeenSpecs } from './seen-specs.js';
import type { SettleOptions } from './settle.js';

/** The parts of the daemon that the operations use. */
export interface Parts {
  /** Decides which caller may do which operation. */
  policy: Policy;
  admission: Admission;
  registry: Registry;
  /** Gives a container from the registry. @throws NiwaError NOT_FOUND */
  get(id: string): Container;
  books: Books;
  containerHooks: ContainerHooks;
  endings: Endings;
  restarts: Restarts;
  /** Who may act by niwad's `group`. */
  membership: Membership;
  planner: Planner;
  maker: Maker;
  networks: Networks;
  images: ImageStore;
  volumes: VolumeStore;
  tree: CgroupTree;
  kernel: Kernel;
  /** The limits on requests of callers other than root. */
  allowed: Allowed;
  seenSpecs: SeenSpecs;
  settling: SettleOptions;
}

/** What may be done to a container that was made ahead, before it is taken. */
const ON_UNTAKEN: readonly Operation[] = ['stopContainer', 'removeContainer'];

/**
 * Gives the container of an operation, if the caller may do this operation to it. Only root acts on a container of an
 * engine: root has made it, and neither defaults nor ceilings of niwad apply to it.
 * @throws NiwaError FORBIDDEN, NOT_FOUND; STATE_CONFLICT for a container that was made ahead and is not taken
 */
export function containerFor(operation: Operation, { policy, get }: Parts, caller: Caller, id: string): Container {
  policy.require(operation, caller);
  const container = get(id);
  if (container.spec.oci !== undefined && caller.uid !== 0)
    throw new NiwaError('FORBIDDEN', `container ${id} is of a container engine: only root may act on it`);
  if (container.isUntaken && container.state !== 'exited') requireUntakenAllows(operation, container, caller);
  return container;
}

/** A container that waits is as its template says: nobody changes it, and only its author and root end it. */
function requireUntakenAllows(operation: Operation, { id, runs }: Container, { uid }: Caller): void {
  if (uid !== 0 && uid !== runs.state.author?.uid)
    throw new NiwaError('FORBIDDEN', `container ${id} was made ahead for another user, who has not started it yet`);
  if (!ON_UNTAKEN.includes(operation))
    throw new NiwaError(
      'STATE_CONFLICT',
      `container ${id} was made ahead and waits: \`niwa pool run\` or its service starts it, \`niwa rm -f ${id}\` removes it; until then nothing else may be done to it`,
    );
}
