import type { Caller } from '../../access/allowed.js';
import { requireState } from '../../engine/actions.js';
import { containerFor, type Parts } from '../parts.js';
import { stop } from './stop.js';

/**
 * Forgets an exited container; with `force`, a container that has not exited is ended first. @throws NiwaError
 * FORBIDDEN, NOT_FOUND, STATE_CONFLICT
 */
export async function remove(parts: Parts, caller: Caller, id: string, { force }: { force: boolean }): Promise<void> {
  const container = containerFor('removeContainer', parts, caller, id);
  if (force && container.state !== 'exited') await stop(parts, caller, id, { timeoutUsec: 0 });
  requireState('remove', id, container.state);
  parts.endings.forget(container);
}
