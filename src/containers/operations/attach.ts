import { type Caller, withRealPaths } from '../../access/allowed.js';
import { requireActPermission } from '../../access/permissions.js';
import { requireOutput, requireState } from '../../engine/actions.js';
import { type Attachment, attachTo } from '../../engine/attachment.js';
import { containerFor, type Parts } from '../parts.js';

/**
 * Connects a client to a container: the client gets the output, and can write to the terminal or the standard input if
 * the container has one.
 * @param wantsInput whether the client wants to write, see {@link attachTo}
 * @throws NiwaError NOT_FOUND; STATE_CONFLICT, also where an engine has made the container; FORBIDDEN if the container
 *   can be written to and the caller may not ask for such a container
 */
export async function attach(parts: Parts, caller: Caller, id: string, wantsInput: boolean): Promise<Attachment> {
  const container = containerFor('attachToContainer', parts, caller, id);
  const { spec, state } = container;
  requireState('attach to', id, state);
  requireOutput('attach', spec);
  if (spec.process.tty || spec.process.stdin)
    requireActPermission(spec, caller, await withRealPaths(parts.allowed, spec, caller));
  return await attachTo(container, wantsInput, parts.kernel);
}
