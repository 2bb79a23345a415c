import type { Caller } from '../../access/allowed.js';
import type { DrainStatus } from '../../protocol/host.js';
import { drainStatus } from '../drain.js';
import type { Parts } from '../parts.js';

/**
 * Takes no new containers until {@link undrain}, also after a restart, and ends those that were never started: no lifetime
 * would.
 * @throws NiwaError FORBIDDEN
 */
export function drain(parts: Parts, caller: Caller): DrainStatus {
  parts.policy.require('drain', caller);
  parts.admission.setDraining(true);
  for (const container of parts.registry.list()) if (container.state === 'created') container.control.beginStop();
  return readDrain(parts);
}

/** Takes new containers again. @throws NiwaError FORBIDDEN */
export function undrain(parts: Parts, caller: Caller): DrainStatus {
  parts.policy.require('undrain', caller);
  parts.admission.setDraining(false);
  return readDrain(parts);
}

/** Gives how far a drain is. */
export function readDrain({ admission, registry }: Parts): DrainStatus {
  return drainStatus(admission.isDraining, registry.list());
}
