import type { Caller } from '../../access/allowed.js';
import { type AllServices, requireOwner } from '../all.js';

/**
 * Closes the addresses of a service, and lets its instances drain and end; then it is forgotten. What is held is
 * refused.
 * @throws NiwaError FORBIDDEN, NOT_FOUND, HOST_ERROR
 */
export async function remove(all: AllServices, caller: Caller, name: string): Promise<void> {
  const { parts } = all;
  parts.containers.policy.require('removeService', caller);
  await all.turns.run(async () => {
    const service = all.get(name);
    requireOwner(service, caller);
    if (service.declaration.isRemoved) return;
    const { declaration } = service;
    const removed = { ...declaration, isRemoved: true, hold: null };
    parts.store.save(removed);
    try {
      await service.gate.withdraw();
    } catch (error) {
      parts.store.save(declaration);
      throw error;
    }
    service.change(removed);
    service.note('remove', null, `user ${caller.uid} has removed it`);
    service.decide();
  });
  await parts.finish(name);
}
