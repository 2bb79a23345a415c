import type { Caller } from '../../access/allowed.js';
import { requireState } from '../../engine/actions.js';
import type { Container } from '../../engine/container.js';
import { NiwaError } from '../../protocol/errors.js';
import { containerFor, type Parts } from '../parts.js';

/**
 * The new lifetime counted from the start, or the time that remains from now, in microseconds; null for no deadline.
 */
export type LifetimeChange = { lifetimeUsec: number | null } | { remainingUsec: number };

/**
 * Moves the deadline of a container that has not begun to end. A deadline in the past ends the container at once.
 * @throws NiwaError FORBIDDEN, NOT_FOUND, STATE_CONFLICT
 */
export async function setLifetime(
  parts: Parts,
  caller: Caller,
  id: string,
  change: LifetimeChange,
): Promise<Container> {
  const container = containerFor('setLifetime', parts, caller, id);
  await container.turns.run(async () => {
    requireState('change the lifetime of', id, container.state);
    if ('remainingUsec' in change) setRemaining(container, change.remainingUsec);
    else setWhole(container, change.lifetimeUsec);
    parts.books.save(container);
    parts.registry.tell('lifetime', container.spec);
  });
  return container;
}

function setRemaining({ id, life, control }: Container, remainingUsec: number): void {
  if (!life.hasStarted)
    throw new NiwaError('STATE_CONFLICT', `container ${id} has not started: set its lifetime instead`);
  control.setRemaining(remainingUsec);
}

function setWhole(container: Container, lifetimeUsec: number | null): void {
  const { life, control } = container;
  if (life.hasStarted) control.moveDeadline(lifetimeUsec === null ? 0n : life.startedNs + BigInt(lifetimeUsec) * 1000n);
  // a lifetime that is set later is exact: jitter only applies at the start
  container.changeSpec({ lifetimeUsec, jitterUsec: 0 });
}
