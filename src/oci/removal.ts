import { ROOT } from '../access/allowed.js';
import type { Container } from '../engine/container.js';
import { NiwaError } from '../protocol/errors.js';
import type { Connection } from './connection.js';
import { runLastHooks } from './hooks.js';
import type { VerbParts } from './verb-parts.js';

/** Ends and removes a container, and lets the command run the hooks that follow. @throws the errors of a removal */
export async function removeWithHooks(parts: VerbParts, container: Container, connection: Connection): Promise<void> {
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
