import { type Caller, withRealPaths } from '../access/allowed.js';
import { fenceOf } from '../access/permissions.js';
import { missingSources } from '../host/sources.js';
import { NiwaError } from '../protocol/errors.js';
import type { Service } from '../protocol/resolved-service.js';
import type { Spec } from '../protocol/resolved-spec.js';
import { formatDuration } from '../protocol/units.js';
import type { ServiceParts } from './parts.js';

/** What is known of the node where a service is applied. */
type Node = Pick<ServiceParts, 'hasCpuController' | 'memoryBytes'>;

/**
 * Gives what a user of a service may not expect, although it can be applied. Pure.
 * @param spec that of an instance
 */
export function warningsOf(
  { scale, slots, drainUsec }: Pick<Service, 'scale' | 'slots' | 'drainUsec'>,
  { resources, lifetimeUsec }: Pick<Spec, 'resources' | 'lifetimeUsec'>,
  { hasCpuController, memoryBytes }: Node,
): string[] {
  const warnings: string[] = [];
  const mayScale = scale !== 'none' && slots > 1;
  if (mayScale && !hasCpuController)
    warnings.push('this host has no cpu controller: load starts no further instances; `niwa service scale` does');
  if (mayScale && hasCpuController && typeof resources.cpu.max !== 'number')
    warnings.push('the template has no cpu.max: nothing is throttled, so load starts no further instances');
  const { maxBytes } = resources.memory;
  if (typeof maxBytes === 'number' && slots * maxBytes > memoryBytes)
    warnings.push(
      `${slots} slots of ${maxBytes} bytes (memory.max) are more than the ${memoryBytes} bytes of this node`,
    );
  if (lifetimeUsec !== null && lifetimeUsec <= drainUsec)
    warnings.push(
      `template.lifetime (${formatDuration(lifetimeUsec)}) is not longer than drain (${formatDuration(drainUsec)}): an instance is replaced in the middle of its lifetime, and connections that are open at its end are cut`,
    );
  return warnings;
}

/** Warns of paths of the node that a start needs, and that are not there now. @throws what reach() throws */
export async function missingPaths(spec: Spec, caller: Caller, { allowed }: Pick<ServiceParts, 'allowed'>) {
  const fence = fenceOf(caller, await withRealPaths(allowed, spec, caller));
  const missing = await missingSources(spec, `user ${caller.uid}`, fence);
  return missing.map(({ field, path }) => `template.${field}: there is no ${path} on this node now: starts will fail`);
}

/** @throws NiwaError HOST_UNSUPPORTED where scaling is asked for, and the host cannot measure throttled time */
export function requireScaling(isAskedFor: boolean, { hasCpuController }: Node): void {
  if (isAskedFor && !hasCpuController)
    throw new NiwaError(
      'HOST_UNSUPPORTED',
      'this host has no cpu controller, so niwa cannot see throttled time: leave "scale" out, or write "scale: none"',
    );
}
