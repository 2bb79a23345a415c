import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../../access/allowed.js';
import { requireState } from '../../engine/actions.js';
import { requireRoom } from '../../engine/memory-use.js';
import { controllersOf } from '../../host/group-place.js';
import { type CgroupWrite, type Controllers, earlierWrites } from '../../plan/resources.js';
import { containerFor, type Parts } from '../parts.js';

/** What an update writes to the group of a container. */
export interface LimitChange {
  writes: readonly CgroupWrite[];
  /** If set, the update is refused where the container needs more bytes of memory than this. */
  mostBytes: number | undefined;
  /** Changes what is outside of the group, once the kernel has taken all writes. */
  beyond?: () => Promise<void>;
}

/** Compiles an update. `read` gives the text of a file of the group without the last newline, `''` if it is missing. */
export type LimitCompiler = (controllers: Controllers, read: (file: string) => string) => LimitChange;

/**
 * Changes limits of a live container whose limits are no part of its spec. Only root asks for it.
 * @throws NiwaError NOT_FOUND, STATE_CONFLICT, HOST_ERROR, the errors of the compiler; then all limits are as before.
 *   The errors of `beyond`; then the limits in the group are changed
 */
export async function writeLimits(parts: Parts, id: string, compile: LimitCompiler): Promise<void> {
  const { tree, registry } = parts;
  const container = containerFor('updateContainer', parts, ROOT, id);
  const { cgroup } = container;
  await container.turns.run(async () => {
    requireState('update', id, container.state);
    const read = (file: string) => textOf(join(cgroup, file));
    const { writes, mostBytes, beyond } = compile(controllersOf(cgroup, tree.controllers.missing), read);
    requireRoom(id, cgroup, mostBytes);
    container.control.writeLimits(writes, earlierWrites(writes, read));
    registry.tell('update', container.spec);
    await beyond?.();
  });
}

function textOf(path: string): string {
  try {
    return readFileSync(path, 'utf8').trimEnd();
  } catch {
    return '';
  }
}
