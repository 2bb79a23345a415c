import type { Caller } from '../../access/allowed.js';
import { NiwaError } from '../../protocol/errors.js';
import type { ServiceStatus } from '../../protocol/services.js';
import { type AllServices, requireOwner } from '../all.js';
import { statusOf } from '../status.js';

/**
 * Holds a number of instances; null lets load decide again. A change of the service keeps what is held.
 * @throws NiwaError FORBIDDEN, NOT_FOUND, HOST_ERROR; SPEC_INVALID for more than its slots
 */
export async function scale(
  all: AllServices,
  caller: Caller,
  name: string,
  instances: number | null,
): Promise<ServiceStatus> {
  const { parts } = all;
  parts.containers.policy.require('scaleService', caller);
  return await all.turns.run(async () => {
    const service = all.get(name);
    requireOwner(service, caller);
    const { slots } = service.declaration.service;
    if (instances !== null && (!Number.isInteger(instances) || instances < 0 || instances > slots))
      throw new NiwaError('SPEC_INVALID', `service ${name} has ${slots} slots: cannot hold ${instances} instances`, {
        details: {
          problems: [{ path: 'instances', found: String(instances), allowed: `from 0 to ${slots}, or null` }],
        },
      });
    const held = { ...service.declaration, hold: instances };
    parts.store.save(held);
    service.change(held);
    const why = instances === null ? 'load decides again' : `held at ${instances} instances`;
    service.note('scale', null, `user ${caller.uid}: ${why}`);
    service.decide();
    return statusOf(service);
  });
}
