import { type CgroupTree, CONTROLLERS } from '../host/cgroup.js';
import type { DeviceNumbers } from '../host/devices.js';
import type { IdRange } from '../host/id-pool.js';
import { isOomProtected } from '../host/oom.js';
import { openFilesLimit } from '../host/open-files.js';
import { compileSeccomp } from '../host/seccomp.js';
import { native } from '../native.js';
import type { Networks } from '../network/networks.js';
import { makePlan, type Plan } from '../plan/plan.js';
import type { Controllers } from '../plan/resources.js';
import type { Spec } from '../protocol/resolved-spec.js';
import type { Bounds } from '../spec/ceilings.js';
import type { StateFiles } from './state-files.js';

export interface PlannerOptions {
  tree: CgroupTree;
  /** An empty directory to build roots on. */
  stage: string;
  /** What a container gets whose spec sets no bound. */
  defaults: Bounds;
  stateFiles: StateFiles;
  networks: Networks;
}

const NO_IDS: IdRange = { start: 0, size: 0 };

/** Compiles the plans of containers by what this host has. */
export class Planner {
  readonly #options: PlannerOptions;
  readonly #filtersDevices = native.canFilterDevices();

  constructor(options: PlannerOptions) {
    this.#options = options;
  }

  /** Compiles the plan of a new container. @throws NiwaError HOST_UNSUPPORTED, SPEC_INVALID */
  plan(spec: Spec, idRange: IdRange | null, numbers: DeviceNumbers): Plan {
    return this.#plan(spec, idRange, { ...numbers, controllers: this.#options.tree.controllers });
  }

  /**
   * Compiles the plan of a container that an earlier niwad has made and nobody has started, by its spec: the plan itself is
   * not written down. Its limits are set already, whatever controllers there are now; its devices are named by their paths.
   * @throws NiwaError SPEC_INVALID where libseccomp does not take its profile any more
   */
  planOfAdopted(spec: Spec, idRange: IdRange | null): Plan {
    const controllers = { available: CONTROLLERS, missing: {} };
    return this.#plan(spec, idRange, { devices: {}, deviceNodes: [], controllers });
  }

  #plan(spec: Spec, idRange: IdRange | null, given: DeviceNumbers & { controllers: Controllers }): Plan {
    const { tree, stage, networks, stateFiles, defaults } = this.#options;
    return makePlan(spec, {
      containersCgroup: tree.containers,
      stage,
      ...given,
      filtersDevices: this.#filtersDevices,
      idRange: idRange ?? NO_IDS,
      oomProtected: isOomProtected(),
      placeBytes: defaults.tmpfsBytes,
      openFiles: openFilesLimit(),
      network: networks.plan(spec, stateFiles.directoryOf(spec.id)),
      compileSeccomp,
    });
  }
}
