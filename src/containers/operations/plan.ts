import type { Caller } from '../../access/allowed.js';
import type { Planned } from '../../protocol/plan.js';
import type { Parts } from '../parts.js';
import { preview } from '../preview.js';

/**
 * Gives the plan that a start of a spec would follow, see {@link preview}. @throws NiwaError FORBIDDEN, and the errors
 * of a start
 */
export async function plan(
  { policy, settling, images, planner }: Parts,
  caller: Caller,
  input: unknown,
): Promise<Planned> {
  policy.require('planContainer', caller);
  return await preview(input, caller, { ...settling, images, planner });
}
