import type { Caller } from '../../access/allowed.js';
import { requireState } from '../../engine/actions.js';
import { containerFor, type Parts } from '../parts.js';
import { stop } from './stop.js';

/**
 * Forgets an exited container, also one that waits for its restart; with `force`, a container that has not exited is
 * ended first. @throws NiwaError FORBIDDEN, NOT_FOUND, STATE_CONFLICT
 */
export async function remove(parts: Parts, caller: Caller, id: string, { force }: { force: boolean }): Promise<void> {
  const container = containerFor('removeContainer', parts, caller, id);
  if (force && container.state !== 'exited') await stop(parts, caller, id, { timeoutUsec: 0 });
  if (!parts.registry.has(id)) return; // it was forgotten at its end
  requireState('remove', id, container.state);
  const isLatest = await container.turns.run(async () => {
    if (!parts.registry.hasThis(container)) return false; // a restart was under way
    parts.restarts.cancel(container);
    parts.endings.forget(container);
    return true;
  });
  if (!isLatest) await remove(parts, caller, id, { force });
}
