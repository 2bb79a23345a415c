import { CONTROLLERS } from '../host/cgroup.js';
import { type DeviceNumbers, deviceNumbers } from '../host/devices.js';
import type { IdPool, IdRange } from '../host/id-pool.js';
import type { Asker } from '../host/reach.js';
import { type HostPlace, hostView } from '../host/view.js';
import { Kept } from '../kept/kept.js';
import type { Kernel } from '../kernel/kernel.js';
import type { Members } from '../network/members.js';
import { BLANK_DIRECTORY } from '../plan/op.js';
import { type HostView, makePlan, type Plan, type PlanNetwork } from '../plan/plan.js';
import { type EncodedPlan, fillTemplate, makeTemplate, type PlanTemplate, templateBytes } from '../plan/template.js';
import type { Spec } from '../protocol/resolved-spec.js';
import { IDS_PER_CONTAINER } from '../spec/ids.js';
import { keepRest, restOf } from './spec-text.js';

export interface PlannerOptions extends HostPlace {
  kernel: { host: Pick<Kernel['host'], 'canFilterDevices'> };
  idPool: Pick<IdPool, 'next'>;
  members: Pick<Members, 'plan' | 'preview' | 'stepsOf'>;
  /** The directory where niwad keeps the files of a container. */
  directoryOf(id: string): string;
}

const NO_IDS: IdRange = { start: 0, size: 0 };

/** A template, and what restOf() gives for each spec of it. */
interface KeptTemplate {
  template: PlanTemplate;
  rest: string;
}

/** The facts of a machine, and their JSON. The compiler of filters is no part of it, and always the same. */
interface Facts {
  view: HostView;
  text: string;
}

/** Compiles settled specs for this machine, both for starts and for previews. */
export class Planner {
  readonly #options: PlannerOptions;
  /** Asked once: the kernel compiles a filter to answer. */
  #filtersDevices: boolean | undefined;
  readonly #templates = new Kept<KeptTemplate>(({ template, rest }) => templateBytes(template) + rest.length);
  #facts: Facts | null = null;

  constructor(options: PlannerOptions) {
    this.#options = options;
  }

  /** The facts about this machine that plans need. */
  view(): HostView {
    return this.#view();
  }

  /**
   * Compiles the plan of a container that has its range of ids and its address on the bridge. The template of the plan
   * is kept for the next start of such a spec. Its key has all that the template depends on, so it is never outdated.
   * @param asker for whom the template is kept
   * @throws NiwaError HOST_UNSUPPORTED if this host cannot enforce a limit, SPEC_INVALID if libseccomp refuses the
   *   profile
   */
  plan(spec: Spec, idRange: IdRange | null, numbers: DeviceNumbers, asker: Asker): EncodedPlan {
    const { members, directoryOf } = this.#options;
    const directory = directoryOf(spec.id);
    const steps = members.stepsOf(spec.id);
    return fillTemplate(this.#templateOf(spec, numbers, asker), { spec, idRange: idRange ?? NO_IDS, directory, steps });
  }

  #templateOf(spec: Spec, numbers: DeviceNumbers, asker: Asker): PlanTemplate {
    const { view, text } = this.#factsNow();
    const rest = restOf(spec);
    const key = `${spec.hostname === null} ${JSON.stringify(numbers)} ${text} ${rest}`;
    const caller = asker === 'user 0' ? null : asker;
    const known = this.#templates.get(caller, key);
    if (known !== undefined) {
      keepRest(spec, known.rest);
      return known.template;
    }
    const { files } = this.#options.members.plan(spec, BLANK_DIRECTORY);
    const template = makeTemplate(spec, { ...view, ...numbers, files, rangeSize: IDS_PER_CONTAINER });
    this.#templates.set(caller, key, { template, rest });
    return template;
  }

  /** The facts of this machine, and their text: the same as before as long as nothing has changed. */
  #factsNow(): Facts {
    const view = this.#view();
    if (this.#facts === null || !isSame(view, this.#facts.view)) this.#facts = { view, text: JSON.stringify(view) };
    return this.#facts;
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
    tree?: HostPlace['tree'],
  ): Plan {
    return makePlan(spec, { ...this.#view(tree), ...numbers, idRange: idRange ?? NO_IDS, network });
  }

  #view(tree: HostPlace['tree'] = this.#options.tree): HostView {
    this.#filtersDevices ??= this.#options.kernel.host.canFilterDevices();
    return hostView({ ...this.#options, tree }, this.#filtersDevices);
  }
}

/** Says whether all facts are the same values. */
function isSame(view: HostView, before: HostView): boolean {
  for (const name in view) if (view[name as keyof HostView] !== before[name as keyof HostView]) return false;
  return true;
}
