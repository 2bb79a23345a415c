import { describeEnd } from '../plan/plan.js';
import type { Planned } from '../protocol/plan.js';

const OFFLINE =
  'no niwad was asked: this is the plan of one with the default configuration, without images and without containers';

/**
 * Writes the steps of a plan as numbered lines, then how the container will end. For an offline plan, a last line says
 * for which niwad the plan was made.
 * @param offline whether the plan was made without a niwad
 */
export function planText({ spec, steps }: Planned, offline: boolean): string {
  const lines = steps.map(({ phase, text }, i) => `${String(i + 1).padStart(3)}  ${phase.padEnd(7)}  ${text}`);
  return [...lines, `     end      ${describeEnd(spec)}`, ...(offline ? [`     offline  ${OFFLINE}`] : [])].join('\n');
}
