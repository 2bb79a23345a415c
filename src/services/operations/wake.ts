import type { Caller } from '../../access/allowed.js';
import { NiwaError } from '../../protocol/errors.js';
import type { WakeAnswer } from '../../protocol/services.js';
import type { AllServices } from '../all.js';

/**
 * Wakes a service as a request would; the answer comes when an instance is routed.
 * @param signal aborted when the caller has gone; the wake goes on then
 * @throws NiwaError FORBIDDEN, NOT_FOUND, DRAINING, START_FAILED, STATE_CONFLICT
 */
export async function wake(all: AllServices, caller: Caller, name: string, signal: AbortSignal): Promise<WakeAnswer> {
  all.parts.containers.policy.require('wakeService', caller);
  const service = all.get(name);
  if (service.declaration.isRemoved) throw new NiwaError('NOT_FOUND', `service ${name} is being removed`);
  const [serving] = service.routed;
  if (serving !== undefined) return { name, instance: serving.id, woken: false, latency: null };
  const waiting = service.wakes.wait(all.parts.clock(), signal);
  service.decide();
  const { instance, latency } = await waiting;
  return { name, instance, woken: true, latency };
}
