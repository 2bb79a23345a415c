import { CONTROLLERS } from '../host/cgroup.js';
import { type DeviceNumbers, deviceNumbers } from '../host/devices.js';
import type { IdPool, IdRange } from '../host/id-pool.js';
import type { Asker } from '../host/reach.js';
import { type HostPlace, hostView } from '../host/view.js';
import type { Kernel } from '../kernel/kernel.js';
import type { Members } from '../network/members.js';
import { makePlan, type Plan, type PlanNetwork } from '../plan/plan.js';
import type { Spec } from '../protocol/resolved-spec.js';

export interface PlannerOptions extends HostPlace {
  kernel: { host: Pick<Kernel['host'], 'canFilterDevices'> };
  idPool: Pick<IdPool, 'next'>;
  members: Pick<Members, 'plan' | 'preview'>;
  /** The directory where niwad keeps the files of a container. */
  directoryOf(id: string): string;
}

const NO_IDS: IdRange = { start: 0, size: 0 };

/** Compiles settled specs for this machine, both for starts and for previews. */
export class Planner {
  readonly #options: PlannerOptions;
  /** Asked once: the kernel compiles a filter to answer. */
  #filtersDevices: boolean | undefined;

  constructor(options: PlannerOptions) {
    this.#options = options;
  }

  /**
   * Compiles the plan of a container that has its range of ids and its address on the bridge.
   * @throws NiwaError HOST_UNSUPPORTED if this host cannot enforce a limit, SPEC_INVALID if libseccomp refuses the
   *   profile
   */
  plan(spec: Spec, idRange: IdRange | null, numbers: DeviceNumbers): Plan {
    const { members, directoryOf } = this.#options;
    return this.#compile(spec, idRange, numbers, members.plan(spec, directoryOf(spec.id)));
  }

  /**
   * Compiles the plan of a container that an earlier niwad made but did not start, from its spec, because plans are not
   * saved. Its limits are already set, so the controllers of the host do not matter; devices are named by their paths.
   * @throws NiwaError SPEC_INVALID if libseccomp no longer accepts the profile
   */
  planOfAdopted(spec: Spec, idRange: IdRange | null): Plan {
    const { tree, members, directoryOf } = this.#options;
    const network = members.plan(spec, directoryOf(spec.id));
    const controllers = { available: CONTROLLERS, missing: {} };
    return this.#compile(spec, idRange, { devices: {}, deviceNodes: [] }, network, { ...tree, controllers });
  }

  /**
   * Compiles the plan that a start of a spec would follow now, with the ids and the address that the container would
   * get. Nothing is reserved.
   * @param asker the caller for whom the devices of the spec are opened
   * @throws NiwaError HOST_UNSUPPORTED, ADDRESS_IN_USE, SPEC_INVALID; the errors of reach()
   */
  async preview(spec: Spec, asker: Asker): Promise<Plan> {
    const { idPool, members, directoryOf } = this.#options;
    const numbers = await deviceNumbers(spec, asker);
    const idRange = spec.userns === 'auto' ? idPool.next() : null;
    return this.#compile(spec, idRange, numbers, members.preview(spec, directoryOf(spec.id)));
  }

  #compile(
    spec: Spec,
    idRange: IdRange | null,
    numbers: DeviceNumbers,
    network: PlanNetwork,
    tree: HostPlace['tree'] = this.#options.tree,
  ): Plan {
    this.#filtersDevices ??= this.#options.kernel.host.canFilterDevices();
    return makePlan(spec, {
      ...hostView({ ...this.#options, tree }, this.#filtersDevices),
      ...numbers,
      idRange: idRange ?? NO_IDS,
      network,
    });
  }
}
