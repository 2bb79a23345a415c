import { existsSync, mkdirSync, readFileSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { refused } from '../plan/oci/refusal.js';
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
/** Why the kernel does not remove a group with processes or groups in it. */
const IN_USE = ['EBUSY', 'ENOTEMPTY'];

/**
 * Gives the controllers that a group will have that is to be made at a path, with all missing groups above it. Makes
 * nothing.
 * @param missing why niwad's own groups lack a controller
 */
export function controllersAt(path: string, missing: Controllers['missing']): Controllers {
  const there = firstThere(dirname(path));
  return controllersIn(there, isUnused(there) ? 'cgroup.controllers' : 'cgroup.subtree_control', missing);
}

/** Gives the controllers that a group has, see {@link controllersAt}. */
export function controllersOf(path: string, missing: Controllers['missing']): Controllers {
  return controllersIn(dirname(path), 'cgroup.subtree_control', missing);
}

/**
 * Gives the controllers that a file of a group names.
 * @param missing why niwad's own groups lack a controller
 */
export function controllersIn(
  group: string,
  file: 'cgroup.controllers' | 'cgroup.subtree_control',
  missing: Controllers['missing'],
): Controllers {
  const available = wordsIn(group, file);
  const reasons = CONTROLLERS.filter((name) => !available.includes(name)).map((name) => [
    name,
    missing[name] ?? `${group}/${file} does not give it`,
  ]);
  return { available, missing: Object.fromEntries(reasons) };
}

/**
 * Makes the groups above a path that are missing. They, and the group that is there already where nobody uses it yet,
 * give all controllers that they have. The mark comes with the group: niwad may die after any call, and the next call
 * then finds an unused group.
 * @throws NiwaError HOST_ERROR
 */
export function makeGroupsAbove(path: string): void {
  const above = dirname(path);
  try {
    if (!existsSync(above)) {
      makeGroupsAbove(above);
      mkdirSync(above, MADE_MODE);
    }
    if (isUnused(above)) giveControllers(above);
  } catch (cause) {
    if (cause instanceof NiwaError) throw cause;
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return; // others have made it just now
    throw new NiwaError('HOST_ERROR', `cannot make the cgroup ${above}: ${messageOf(cause)}`, { cause });
  }
}

/**
 * Removes an empty group where that of a container will be made. The counters of a group begin when it is made: in one
 * that is taken over, the container would pay for what had run there. Its limits go with it.
 * @param owner the container whose mark it has, or ""
 * @throws NiwaError SPEC_INVALID for a group of a container, a frozen one, and one with processes or groups in it;
 *   HOST_ERROR where the kernel does not remove it for another reason
 */
export function clearPlace(path: string, owner: string): void {
  const field = `linux.cgroupsPath ${JSON.stringify(path)}`;
  if (!existsSync(path)) return;
  if (owner !== '') throw refused(field, `container ${owner} has it, or a group in it`);
  if (isFrozen(path)) throw refused(field, "container's cgroup unexpectedly frozen: write 0 to its cgroup.freeze");
  try {
    rmdirSync(path);
  } catch (cause) {
    const { code = '' } = cause as NodeJS.ErrnoException;
    if (code === 'ENOENT') return; // its owner has removed it just now
    if (!IN_USE.includes(code))
      throw new NiwaError('HOST_ERROR', `cannot remove the cgroup ${path}: ${messageOf(cause)}`, { cause });
    throw refused(
      field,
      'the group has processes or groups in it, and a container has one of its own. Name another, or end them',
    );
  }
}

function isFrozen(group: string): boolean {
  try {
    return wordsIn(group, 'cgroup.freeze')[0] === '1';
  } catch {
    return false; // it has gone
  }
}

/**
 * Says whether a group has no process and gives no controller to the groups below it. Engines make the group of a pod
 * in this state (kubelet, podman), and leave the rest to the runtime.
 */
function isUnused(group: string): boolean {
  try {
    return [...wordsIn(group, 'cgroup.procs'), ...wordsIn(group, 'cgroup.subtree_control')].length === 0;
  } catch {
    return false; // it has gone, or is threaded, see cgroup.type in cgroups(7): then it can give no limits
  }
}

/** In one write: the kernel takes all of them or none, and none where a process is in the group (EBUSY). */
function giveControllers(group: string): void {
  const words = wordsIn(group, 'cgroup.controllers').map((name) => `+${name}`);
  if (words.length > 0) writeFileSync(join(group, 'cgroup.subtree_control'), words.join(' '));
}

function wordsIn(group: string, file: string): string[] {
  return readFileSync(join(group, file), 'utf8').split(/\s+/).filter(Boolean);
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
