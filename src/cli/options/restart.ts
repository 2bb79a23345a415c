import { RESTART_POLICIES } from '../../protocol/restart-policies.js';
import type { SpecInput } from '../../protocol/spec.js';
import { wrong } from '../values.js';
import { isObject } from './fields.js';

export const RESTART_WORDS = `POLICY[:MAX]: ${RESTART_POLICIES.join(', ')}; MAX is the most restarts in a row`;

/**
 * Makes the restart policy of a flag. It replaces the policy of the base, but keeps the times of the base.
 * @throws NiwaError SPEC_INVALID
 */
export function toRestart(value: string | undefined, base: SpecInput['restart']): SpecInput['restart'] {
  if (value === undefined || (base !== undefined && !isObject(base))) return base;
  const [, name, max] = /^([a-z-]+)(?::([0-9]{1,9}))?$/.exec(value) ?? [];
  const policy = RESTART_POLICIES.find((known) => known === name);
  if (policy === undefined)
    return wrong('--restart', value, `${RESTART_POLICIES.join(', ')}, and optionally a number: on-failure:5`);
  return { ...base, policy, ...(max === undefined ? {} : { max: Number(max) }) };
}
