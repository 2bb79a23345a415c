import type { Caller } from '../../access/allowed.js';
import { requireState } from '../../engine/actions.js';
import type { Container } from '../../engine/container.js';
import { containerFor, type Parts } from '../parts.js';

/**
 * Sends a signal to the first process of a container. SIGKILL and the container's stop signal count as a stop: its
 * restart policy does not start it again.
 * @throws NiwaError FORBIDDEN, NOT_FOUND, STATE_CONFLICT, HOST_ERROR
 */
export function kill(parts: Parts, caller: Caller, id: string, signal: string): Container {
  const container = containerFor('killContainer', parts, caller, id);
  requireState('kill', id, container.state);
  container.control.signal(signal);
  if (signal === 'SIGKILL' || signal === container.spec.stopSignal) parts.restarts.stop(container);
  parts.books.save(container);
  return container;
}
