import { ROOT } from '../access/allowed.js';
import type { Container } from '../engine/container.js';
import { NiwaError } from '../protocol/errors.js';
import { withResolvers } from '../turns/with-resolvers.js';
import type { Connection } from './connection.js';
import { runLastHooks } from './hooks.js';
import { conflict, statusNow, type VerbParts } from './verb-parts.js';

/** A container with much memory needs seconds to end, and a full disk holds its record; longer may be for ever. */
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

/**
 * Removes a container that could not be started. Where that fails, the log says so: who asked for the start needs to
 * hear why it failed.
 */
export async function undoStart(parts: VerbParts, container: Container, connection: Connection): Promise<void> {
  try {
    await removeUnlessGone(parts, container, connection);
  } catch (error) {
    parts.log.warn({ id: container.id, err: error }, 'a container that could not be started is not removed');
  }
}

/** Kills a container. @throws NiwaError STATE_CONFLICT where it does not end in time, FORBIDDEN, NOT_FOUND */
async function end(parts: VerbParts, container: Container): Promise<void> {
  if (container.state === 'exited') return;
  const isStopped = statusNow(parts, container) === 'stopped'; // only its record is missing
  const ended = isStopped ? container.exited : parts.runtime.stop(container.id, ROOT, { timeoutUsec: 0 });
  const late = withResolvers<'late'>();
  const timer = setTimeout(late.resolve, END_PATIENCE_MS, 'late');
  try {
    if ((await Promise.race([ended, late.promise])) === 'late') throw conflict(wordsOfLate(container));
  } finally {
    clearTimeout(timer);
  }
}

function wordsOfLate({ id: own, hasEnded, spec: { oci } }: Container): string {
  const id = oci?.id ?? own;
  const time = `${END_PATIENCE_MS / 1000} s`;
  if (hasEnded)
    return (
      `container ${id} has ended, but its record could not be written within ${time}: the log of niwad has the cause. ` +
      'Delete it again when that is mended'
    );
  return (
    `container ${id} has not ended ${time} after SIGKILL: the kernel holds its processes (state D in ps), or others ` +
    'have frozen them. Delete it again when they have ended'
  );
}
