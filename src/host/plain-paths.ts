import { kernel } from '../kernel/addon.js';
import type { Errand, Found } from './errands.js';

/**
 * Answers errands without niwa-reach where no file system has to be asked: the kernel remembers the path, and no link
 * is in it, so it is its own real path. Most paths of a start are such: the starts before it used them.
 */

/** For how many mounts it is kept whether they can be id-mapped. */
const MOST_MOUNTS = 1000;
/** Two slashes, "." and ".." in a path, and a slash at its end: the real path is written without them. */
const NOT_REAL = /\/\.{0,2}(\/|$)/;

/** Whether a mount can be id-mapped, by its number. It never changes, and no later mount has the same number. */
const mappable = new Map<number, boolean>();

/**
 * Does an errand at once, and waits for no file system.
 * @returns what niwa-reach would give; null where niwa-reach has to be asked
 */
export function foundAtOnce([what, path]: Errand): Found | null {
  if (what !== 'real' && what !== 'source') return null;
  const mount = mountOf(path);
  if (mount === null) return null;
  if (what === 'real') return { errno: 0, body: Buffer.from(path) };
  const canIdmap = mappable.get(mount);
  return canIdmap === undefined ? null : { errno: 0, body: Buffer.from(`${canIdmap ? 1 : 0}${path}`) };
}

/**
 * To be called before niwa-reach is asked.
 * @param errands those for niwa-reach
 * @returns takes its answers, and keeps which mounts can be id-mapped
 */
export function learner(errands: readonly Errand[]): (found: readonly Found[]) => void {
  const mounts = errands.map(([what, path]) => (what === 'source' ? mountOf(path) : null));
  return (found) => {
    for (const [i, { errno, body }] of found.entries()) {
      const mount = mounts[i] ?? 0;
      if (errno !== 0 || mount === 0 || mountOf(errands[i]?.[1] ?? '') !== mount) continue; // another mount is there now
      if (mappable.size >= MOST_MOUNTS) mappable.clear();
      mappable.set(mount, body.toString('latin1', 0, 1) === '1');
    }
  };
}

/** Gives the number of the mount in which a path ends that is its own real path; null where this is not known. */
function mountOf(path: string): number | null {
  if (NOT_REAL.test(path)) return null;
  const mount = kernel.host.plainMount(path);
  return mount < 0 ? null : mount;
}
