import type { Caller } from '../../access/allowed.js';
import { type Attachment, attachTo } from '../attach.js';
import { containerFor, type Parts } from '../parts.js';

/**
 * Connects a client to a container: the client gets the output, and can write to the terminal if the container has one.
 * @throws NiwaError NOT_FOUND, FORBIDDEN, STATE_CONFLICT
 */
export async function attach(parts: Parts, caller: Caller, id: string): Promise<Attachment> {
  return await attachTo(containerFor('attachToContainer', parts, caller, id), caller, parts.allowed, parts.kernel);
}
