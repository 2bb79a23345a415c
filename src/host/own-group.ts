import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, NiwaError } from '../errors.js';

/** The name that stands for the group in which the daemon was started. */
export const OWN_GROUP = 'self';

/**
 * The group below "self" into which niwad moves. A group that gives controllers to the groups below it must have no processes
 * of its own (cgroups(7)), so niwad cannot stay in "self", where it makes the groups of the containers.
 */
const DAEMON_GROUP = 'daemon';

/**
 * Gives the path of the v2 group in the text of /proc/PID/cgroup, without the slash before it: "" for the root.
 * @returns undefined where there is none, or it is outside of the cgroup namespace or removed
 */
export function findOwnGroup(text: string): string | undefined {
  const path = /^0::\/(.*)$/m.exec(text)?.[1];
  return path === undefined || path.startsWith('..') || path.endsWith(' (deleted)') ? undefined : path;
}

/**
 * Gives the group in which niwad makes its groups.
 * @param group the group in which niwad is. Where an earlier niwad has moved into the group `daemon` and started this one there,
 *   it is the group above
 */
export function baseOf(group: string): string {
  const parts = group.split('/');
  return parts.length > 1 && parts.at(-1) === DAEMON_GROUP ? parts.slice(0, -1).join('/') : group;
}

/**
 * Gives the name of the daemon's group below the cgroup2 mount: the one that is configured, or for "self" the one in which
 * this process is.
 * @throws NiwaError HOST_UNSUPPORTED in the root group, which belongs to the whole machine
 */
export function nameOfTree(configured: string): string {
  if (configured !== OWN_GROUP) return configured;
  const group = findOwnGroup(readFileSync('/proc/self/cgroup', 'utf8'));
  if (group === undefined || group === '')
    throw new NiwaError(
      'HOST_UNSUPPORTED',
      'cgroup "self" needs a group that niwad was started in, and it is in the root group or outside of what it can see; let a systemd unit with Delegate=yes start it, or name a group such as "niwa"',
    );
  return baseOf(group);
}

/**
 * Moves this process out of the group `base` into the one for the daemon below it.
 * @throws NiwaError HOST_ERROR
 */
export function stepAside(base: string): void {
  const group = join(base, DAEMON_GROUP);
  try {
    mkdirSync(group, { recursive: true });
    writeFileSync(join(group, 'cgroup.procs'), String(process.pid));
  } catch (error) {
    throw new NiwaError('HOST_ERROR', `cannot move niwad to ${group}: ${messageOf(error)}. niwad has to run as root.`, {
      cause: error,
    });
  }
}
