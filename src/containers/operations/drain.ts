import type { Caller } from '../../access/allowed.js';
import type { DrainStatus } from '../../protocol/host.js';
import { drainStatus } from '../drain.js';
import type { Parts } from '../parts.js';

/**
 * Refuses new containers until {@link undrain}, also after a restart. Ends the containers that were never started:
 * their lifetime has not begun, so no deadline would end them.
 * @throws NiwaError FORBIDDEN
 */
export function drain(parts: Parts, caller: Caller): DrainStatus {
  parts.policy.require('drain', caller);
  parts.admission.setDraining(true);
  for (const container of parts.registry.list()) if (container.state === 'created') container.control.beginStop();
  return readDrain(parts);
}

/** Accepts new containers again. @throws NiwaError FORBIDDEN */
export function undrain(parts: Parts, caller: Caller): DrainStatus {
  parts.policy.require('undrain', caller);
  parts.admission.setDraining(false);
  return readDrain(parts);
}

/** Tells whether the node is drained, and how many containers the drain still waits for. */
export function readDrain({ admission, registry }: Parts): DrainStatus {
  return drainStatus(admission.isDraining, registry.list());
}
