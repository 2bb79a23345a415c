import { NiwaError } from '../protocol/errors.js';
import type { Spec } from '../protocol/resolved-spec.js';

/**
 * Refuses a directory for the writes of an overlay if another container uses the same directory, a directory inside it,
 * or a directory around it. Both containers would write to the same files, and the kernel does not prevent the damage.
 * @param others the specs of all containers that live or are being made
 * @throws NiwaError STATE_CONFLICT
 */
export function requireOwnDirectory({ root }: Spec, others: Iterable<Spec>): void {
  const directory = root.overlay?.directory ?? null;
  if (directory === null) return;
  for (const { id, root: other } of others) {
    const used = other.overlay?.directory ?? null;
    if (used !== null && (isWithin(used, directory) || isWithin(directory, used)))
      throw new NiwaError(
        'STATE_CONFLICT',
        `container ${id} keeps in ${used} what it writes: end it first, or name another root.overlay.directory than ${directory}`,
      );
  }
}

function isWithin(path: string, directory: string): boolean {
  return `${path}/`.startsWith(directory.endsWith('/') ? directory : `${directory}/`);
}
