import type { Caller } from '../access/allowed.js';
import type { Planner } from '../engine/planner.js';
import { imageDefaults } from '../images/lookup.js';
import type { ImageStore } from '../images/store.js';
import { type Plan, planSteps } from '../plan/plan.js';
import type { Planned } from '../protocol/plan.js';
import { parseSpec } from '../spec/spec.js';
import { warningsOf } from '../spec/warnings.js';
import { type SettleOptions, settle } from './settle.js';

export interface PreviewOptions extends SettleOptions {
  /** The images of niwad; null if no niwad runs, because only niwad has the images. */
  images: ImageStore | null;
  planner: Planner;
}

/** The id in the preview of a spec that has no id. */
const NO_ID = 'ID';

/**
 * Gives the plan that a start of a spec would follow, without a start.
 * @throws NiwaError FORBIDDEN, SPEC_INVALID, HOST_UNSUPPORTED, ADDRESS_IN_USE, NOT_FOUND, the same as a start would
 *   throw; the errors of reach()
 */
export async function preview(input: unknown, caller: Caller, options: PreviewOptions): Promise<Planned> {
  const { images, planner } = options;
  const written = parseSpec(input, NO_ID, images === null ? undefined : (name) => imageDefaults(images, name));
  const unpin = images?.pin(written.root.layers);
  try {
    const spec = await settle(written, caller, options);
    const plan = await planner.preview(spec, `user ${caller.uid}`);
    return { spec, steps: planSteps(plan), warnings: warningsOf(spec), plan: asJson(plan) };
  } finally {
    unpin?.();
  }
}

/** JSON has no 64-bit integers. Masks and instructions in a plan are such integers, so they become text. */
function asJson(plan: Plan): object {
  const text = JSON.stringify(plan, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value));
  return JSON.parse(text) as object;
}
