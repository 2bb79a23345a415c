import type { Caller } from '../../access/allowed.js';
import type { Container } from '../../engine/container.js';
import { NiwaError } from '../../protocol/errors.js';
import { containerFor, type Parts } from '../parts.js';
import { rerun } from '../restarts/rerun.js';
import { startCreated } from '../starting.js';

/**
 * Starts a created container, or one that has ended: then as a further run. If the start fails, the container ends with
 * the reason `start-failed`. If the start is refused, as for a container of an engine, the container stays as it is.
 * @throws NiwaError FORBIDDEN, NOT_FOUND, STATE_CONFLICT, DRAINING, TOO_MANY_REQUESTS, START_FAILED, HOOK_FAILED; for
 *   one that has ended also the errors of a create
 */
export async function start(parts: Parts, caller: Caller, id: string): Promise<Container> {
  const container = containerFor('startContainer', parts, caller, id);
  if (container.spec.oci !== undefined && container.state === 'created')
    throw new NiwaError(
      'STATE_CONFLICT',
      `cannot start container ${id}: its container engine starts it, with its hooks`,
    );
  if (container.state === 'exited') return await rerun(parts, container, caller);
  await startCreated(parts, container, `user ${caller.uid}`);
  return container;
}
