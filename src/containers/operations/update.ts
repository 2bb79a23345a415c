import type { Caller } from '../../access/allowed.js';
import { requireLimitPermission } from '../../access/permissions.js';
import { requireState } from '../../engine/actions.js';
import type { Container } from '../../engine/container.js';
import { requireRoom } from '../../engine/memory-use.js';
import { resolveDevices } from '../../host/devices.js';
import { undoWrites, updateWrites } from '../../plan/resources.js';
import { mergeResources, parseResources } from '../../spec/resources.js';
import { containerFor, type Parts } from '../parts.js';

/**
 * Changes limits of a live container. A limit that the request leaves out stays the same.
 * @param force accepts also a limit that is below the container's current use
 * @throws NiwaError NOT_FOUND, STATE_CONFLICT, SPEC_INVALID, FORBIDDEN, HOST_UNSUPPORTED, HOST_ERROR; then all limits
 *   are as before
 */
export async function update(
  parts: Parts,
  caller: Caller,
  id: string,
  input: unknown,
  { force = false }: { force?: boolean },
): Promise<Container> {
  const { allowed, tree, books, registry } = parts;
  const container = containerFor('updateContainer', parts, caller, id);
  const change = parseResources(input);
  requireLimitPermission(change, caller, allowed);
  await container.turns.run(async () => {
    requireState('update', id, container.state);
    const now = container.spec.resources;
    const merged = mergeResources(now, change);
    const { controllers } = tree;
    const devices = await resolveDevices([...now.io, ...change.io], `user ${caller.uid}`);
    const writes = updateWrites(now, change, controllers, devices);
    if (!force) requireRoom(id, container.cgroup, change.memory.maxBytes);
    container.control.writeLimits(writes, undoWrites(now, writes, controllers, devices));
    const defaulted = (container.spec.defaulted ?? []).filter((file) => !writes.some((write) => write.file === file));
    container.changeSpec({ resources: merged, defaulted });
    books.save(container);
    registry.tell('update', container.spec);
  });
  return container;
}
