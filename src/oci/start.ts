import type { Container } from '../engine/container.js';
import { NiwaError } from '../protocol/errors.js';
import type { Connection } from './connection.js';
import { keptHooks, runHooks } from './hooks.js';
import { undoStart } from './removal.js';
import type { VerbParts } from './verb-parts.js';
import { wordsOf } from './words.js';

/**
 * Starts a container that waits for it, and lets the command run its poststart hooks.
 * @param undoes whether the container is removed where it cannot be started, or the command has ended, as one that is
 *   made with the same request
 * @throws NiwaError START_FAILED in the words that engines look for, HOOK_FAILED; then the container is removed
 */
export async function startMade(
  parts: VerbParts,
  container: Container,
  connection: Connection,
  undoes: boolean,
): Promise<void> {
  try {
    if (undoes) connection.requireOpen(); // else it would run, and nobody would know of it
    await parts.runtime.startBorn(container.id);
  } catch (error) {
    if (undoes) await undoStart(parts, container, connection);
    throw new NiwaError('START_FAILED', wordsOf(error, container.spec.process.args[0]), { cause: error });
  }
  const late = keptHooks(container);
  try {
    if (late !== undefined) await runHooks(connection, 'poststart', late, container.pid);
  } catch (error) {
    if (error instanceof NiwaError && error.code === 'HOOK_FAILED') await undoStart(parts, container, connection);
    else parts.log.warn({ id: container.id }, 'niwa-oci has ended before all poststart hooks of a container had run');
    throw error;
  }
}
