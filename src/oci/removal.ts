import { ROOT } from '../access/allowed.js';
import type { Container } from '../engine/container.js';
import { NiwaError } from '../protocol/errors.js';
import { withResolvers } from '../turns/with-resolvers.js';
import type { Connection } from './connection.js';
import { runLastHooks } from './hooks.js';
import { conflict, type VerbParts } from './verb-parts.js';

/** A container with much memory needs seconds to end; one that needs longer may never end. */
const END_PATIENCE_MS = 30_000;

/**
 * Ends and removes a container, and lets the command run the hooks that follow.
 * @throws NiwaError STATE_CONFLICT where it does not end: it stays, and another request can remove it later; the errors
 *   of a removal
 */
export async function removeWithHooks(parts: VerbParts, container: Container, connection: Connection): Promise<void> {
  await end(parts, container);
  const late = parts.lateHooks.take(container.id);
  try {
    await parts.runtime.remove(container.id, ROOT, { force: true });
  } catch (error) {
    const isThere = parts.runtime.has(container.id); // else another request has removed it
    if (late !== undefined && isThere) parts.lateHooks.add(container);
    else if (late !== undefined) await runLastHooks(connection, late, parts.log);
    throw error;
  }
  if (late !== undefined) await runLastHooks(connection, late, parts.log);
}

/** As removeWithHooks(), also where another request removes the container meanwhile. */
export async function removeUnlessGone(parts: VerbParts, container: Container, connection: Connection): Promise<void> {
  try {
    await removeWithHooks(parts, container, connection);
  } catch (error) {
    if (!(error instanceof NiwaError) || error.code !== 'NOT_FOUND') throw error;
  }
}

/** Kills a container. @throws NiwaError STATE_CONFLICT where its processes do not end, FORBIDDEN, NOT_FOUND */
async function end({ runtime }: VerbParts, container: Container): Promise<void> {
  if (container.state === 'exited') return;
  const late = withResolvers<'late'>();
  const timer = setTimeout(late.resolve, END_PATIENCE_MS, 'late');
  try {
    const first = await Promise.race([runtime.stop(container.id, ROOT, { timeoutUsec: 0 }), late.promise]);
    if (first !== 'late') return;
  } finally {
    clearTimeout(timer);
  }
  const { id } = container.spec.oci ?? container;
  throw conflict(
    `container ${id} has not ended ${END_PATIENCE_MS / 1000} s after SIGKILL: the kernel holds its processes (state D ` +
      'in ps), or others have frozen them. Delete it again when they have ended',
  );
}
