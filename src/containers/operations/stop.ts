import type { Caller } from '../../access/allowed.js';
import { requireState } from '../../engine/actions.js';
import type { Container } from '../../engine/container.js';
import { containerFor, type Parts } from '../parts.js';

export interface StopOptions {
  /** The time between signal and kill; the timeout in the container's spec unless given. */
  timeoutUsec?: number;
  signal?: string;
}

/**
 * Ends a container: sends its stop signal now, and kills it after the timeout.
 * A container that waits for its restart stays ended.
 * @returns when the container's usage record is written
 * @throws NiwaError FORBIDDEN, NOT_FOUND, STATE_CONFLICT
 */
export async function stop(
  parts: Parts,
  caller: Caller,
  id: string,
  { timeoutUsec, signal }: StopOptions,
): Promise<Container> {
  const container = await latestRun(parts, containerFor('stopContainer', parts, caller, id));
  if (parts.restarts.stop(container)) return container;
  requireState('stop', id, container.state);
  container.control.beginStop(timeoutUsec, signal);
  await container.exited;
  return container;
}

/** Waits for a restart that is under way; gives the run that the container has then. */
async function latestRun({ get }: Parts, container: Container): Promise<Container> {
  if (container.state !== 'exited') return container;
  await container.turns.run(async () => {});
  return get(container.id);
}
