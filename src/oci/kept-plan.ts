import { encodeProgram } from '../plan/encode.js';
import type { OciConfig } from '../plan/oci/config.js';
import { makeOciPlan, type OciChoices, type OciPlan, type OciSources } from '../plan/oci/plan.js';
import type { HostView } from '../plan/plan.js';
import type { EncodedPlan } from '../plan/template.js';
import type { Resources } from '../protocol/resolved-spec.js';

export type EncodedOciPlan = OciPlan & EncodedPlan;

/** The plan of a config that was planned before: nothing in it but its group and its id is of one container. */
interface KeptPlan {
  /** What the plan depends on beside its config. */
  key: string;
  plan: OciPlan;
  program: Uint8Array;
}

/** The last plan of each config; it goes with the config. */
const plans = new WeakMap<OciConfig, KeptPlan>();

/**
 * Gives the plan of a container as makeOciPlan() does, and its program. That of a config that is the same object as
 * before is not made again, unless hooks are told the names of their container.
 * @throws NiwaError the errors of makeOciPlan()
 */
export function ociPlanOf(
  id: string,
  config: OciConfig,
  view: HostView,
  sources: OciSources,
  resources: Resources,
  choices: OciChoices,
): EncodedOciPlan {
  const make = () => makeOciPlan(id, config, view, sources, resources, choices);
  if (config.hooks !== undefined) return encoded(make());
  const { stage, filtersDevices, containersCgroup, controllers } = view;
  const key = JSON.stringify([{ ...choices, id: '' }, sources, resources, stage, filtersDevices, controllers]);
  const kept = plans.get(config);
  if (kept?.key !== key) {
    const made = make();
    const program = encodeProgram(made.boot);
    plans.set(config, { key, plan: made, program });
    return { ...made, source: made, encode: () => program };
  }
  const { plan, program } = kept;
  const path = sources.group?.path ?? `${containersCgroup}/${id}`;
  return { ...plan, id, cgroup: { ...plan.cgroup, path }, source: plan, encode: () => program };
}

function encoded(plan: OciPlan): EncodedOciPlan {
  return { ...plan, source: plan, encode: () => encodeProgram(plan.boot) };
}
