import type { Caller } from '../../access/allowed.js';
import { requireState } from '../../engine/actions.js';
import type { Container } from '../../engine/container.js';
import { mayBeSlow, pathStarts } from '../../engine/path-starts.js';
import { containerFor, type Parts } from '../parts.js';
import { afterStart, requireStarted, startWish, takeStart } from '../starting.js';

/**
 * Starts a created container. If the start fails, the container ends with the reason `start-failed`. If the start is
 * refused, the container stays as it is.
 * @throws NiwaError FORBIDDEN, NOT_FOUND, STATE_CONFLICT, DRAINING, TOO_MANY_REQUESTS, START_FAILED, HOOK_FAILED
 */
export async function start(parts: Parts, caller: Caller, id: string): Promise<Container> {
  const container = containerFor('startContainer', parts, caller, id);
  const requireStartable = () => {
    parts.admission.require();
    requireState('start', id, container.state);
  };
  const begin = async () => {
    requireStartable(); // the container may have ended while this start waited for its turn
    const { lifetimeNs, deadline } = startWish(container.spec);
    await takeStart(parts, container, container.control.start(lifetimeNs, deadline));
  };
  await container.turns.run(async () => {
    requireStartable();
    await (mayBeSlow(container.spec) ? pathStarts.run(`user ${caller.uid}`, begin) : begin());
    await requireStarted(parts, container);
  });
  await afterStart(parts, container);
  return container;
}
