import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Controllers } from '../plan/resources.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import { CONTROLLERS } from './cgroup.js';

/**
 * Groups above the group of a container that is not among niwad's own groups. niwad makes those that are missing, and
 * removes them when nothing is in them any more. The sticky bit of the directory marks them: the mark is where the
 * group is, so it can be neither lost nor left behind when niwad dies.
 */
const MARK = 0o1000;
const MADE_MODE = 0o755 | MARK;

/**
 * Gives the controllers that a group will have that is to be made at a path, with all missing groups above it. Makes
 * nothing.
 * @param missing why niwad's own groups lack a controller
 */
export function controllersAt(path: string, missing: Controllers['missing']): Controllers {
  return controllersOf(join(firstThere(dirname(path)), 'x'), missing);
}

/** Gives the controllers that a group has, see {@link controllersAt}. */
export function controllersOf(path: string, missing: Controllers['missing']): Controllers {
  const above = dirname(path);
  const available = readFileSync(join(above, 'cgroup.subtree_control'), 'utf8').split(/\s+/).filter(Boolean);
  const reasons = CONTROLLERS.filter((name) => !available.includes(name)).map((name) => [
    name,
    missing[name] ?? `${above}/cgroup.subtree_control does not give it`,
  ]);
  return { available, missing: Object.fromEntries(reasons) };
}

/**
 * Makes the groups above a path that are missing, with all controllers that the groups above them give. The mark comes
 * with the group: niwad may die after any call.
 * @throws NiwaError HOST_ERROR
 */
export function makeGroupsAbove(path: string): void {
  const above = dirname(path);
  if (existsSync(above)) return;
  makeGroupsAbove(above);
  try {
    mkdirSync(above, MADE_MODE);
    for (const name of readFileSync(join(above, 'cgroup.controllers'), 'utf8').split(/\s+/).filter(Boolean))
      writeFileSync(join(above, 'cgroup.subtree_control'), `+${name}`);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return; // others have made it just now
    throw new NiwaError('HOST_ERROR', `cannot make the cgroup ${above}: ${messageOf(cause)}`, { cause });
  }
}

/**
 * Removes the groups above a path that niwad has made, as far as nothing is in them.
 * @param needed paths of groups that may not be made yet
 */
export function removeGroupsAbove(path: string, needed: readonly string[]): void {
  const above = dirname(path);
  if (needed.some((other) => other.startsWith(`${above}/`))) return;
  try {
    if ((statSync(above).mode & MARK) === 0) return;
    rmdirSync(above);
  } catch {
    return; // it has gone, or has other groups in it
  }
  removeGroupsAbove(above, needed);
}

function firstThere(path: string): string {
  return existsSync(path) ? path : firstThere(dirname(path));
}
