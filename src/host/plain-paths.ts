import { kernel } from '../kernel/addon.js';
import { type Errand, type Found, readSource, writeSource } from './errands.js';

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
  if (what === 'identity') return identityOf(path);
  if (what !== 'real' && what !== 'source') return null;
  const mount = mountOf(path);
  if (mount === null) return null;
  if (what === 'real') return { errno: 0, body: Buffer.from(path) };
  const canIdmap = mappable.get(mount);
  return canIdmap === undefined ? null : { errno: 0, body: writeSource({ canIdmap, mount, path }) };
}

/**
 * Keeps which mounts can be id-mapped.
 * @param errands those that niwa-reach was asked
 * @param found its answers, in the same order
 */
export function learn(errands: readonly Errand[], found: readonly Found[]): void {
  for (const [i, { errno, body }] of found.entries()) {
    if (errands[i]?.[0] !== 'source' || errno !== 0) continue;
    const { mount, canIdmap } = readSource(body);
    if (mount !== 0 && canIdmap !== null) keep(mount, canIdmap);
  }
}

/** The oldest makes room. */
function keep(mount: number, canIdmap: boolean): void {
  if (mappable.size >= MOST_MOUNTS) mappable.delete(mappable.keys().next().value ?? 0);
  mappable.set(mount, canIdmap);
}

function identityOf(path: string): Found | null {
  const identity = kernel.host.plainIdentity(path);
  return identity === '' ? null : { errno: 0, body: Buffer.from(identity) };
}

/** Gives the number of the mount in which a path ends that is its own real path; null where this is not known. */
function mountOf(path: string): number | null {
  if (NOT_REAL.test(path)) return null;
  const mount = kernel.host.plainMount(path);
  return mount < 0 ? null : mount;
}
