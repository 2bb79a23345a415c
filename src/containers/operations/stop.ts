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
 * @returns when the container's usage record is written
 * @throws NiwaError FORBIDDEN, NOT_FOUND, STATE_CONFLICT
 */
export async function stop(
  parts: Parts,
  caller: Caller,
  id: string,
  { timeoutUsec, signal }: StopOptions,
): Promise<Container> {
  const container = containerFor('stopContainer', parts, caller, id);
  requireState('stop', id, container.state);
  container.control.beginStop(timeoutUsec, signal);
  await container.exited;
  return container;
}
