import type { Check } from '../../protocol/host.js';
import type { Service } from '../../protocol/resolved-service.js';
import type { TemplateInput } from '../../protocol/service.js';
import { formatBytes } from '../../protocol/units.js';
import { sizeBytes } from '../../spec/quantities.js';
import { ok, optional, warning } from './verdict.js';

/**
 * Checks whether the memory of the node suffices for the slots of its services: memory.max of the template, as far as
 * it sets one, for each slot. Pure.
 */
export function checkServices(services: readonly Service[], memoryBytes: number): Check {
  const reserved = services.reduce((sum, { slots, template }) => sum + slots * (memoryMax(template) ?? 0), 0);
  const unbounded = services.filter(({ template }) => memoryMax(template) === null).length;
  const found = [
    `slots with memory.max may use ${formatBytes(reserved)} of ${formatBytes(memoryBytes)}`,
    ...(unbounded === 0 ? [] : [`services without memory.max in their template: ${unbounded}`]),
  ].join('; ');
  return optional(
    'memory of services',
    'Each slot of a service may use the memory.max of its template; beyond the memory of the node the OOM killer ends containers.',
    reserved <= memoryBytes
      ? ok(found)
      : warning(found, 'Apply services with fewer slots or a smaller memory.max, or move some to another node.'),
  );
}

function memoryMax(template: Service['template']): number | null {
  const max = (template as TemplateInput).resources?.memory?.max ?? 'max';
  return max === 'max' ? null : sizeBytes(max);
}
