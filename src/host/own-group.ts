import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf, NiwaError } from '../protocol/errors.js';

/** The value of the setting that means: the group in which the daemon was started. */
export const OWN_GROUP = 'self';

/**
 * The group below "self" into which niwad moves. A group that gives controllers to the groups below it must have no
 * processes of its own (cgroups(7)). niwad makes the containers' groups below "self", so niwad cannot stay in "self".
 */
const DAEMON_GROUP = 'daemon';

/**
 * Gives the path of the cgroup v2 group in the text of /proc/PID/cgroup, without the first slash: "" for the root
 * group.
 * @returns undefined where there is no v2 group, where it was removed, or where it is outside of the cgroup namespace
 */
export function findOwnGroup(text: string): string | undefined {
  const path = /^0::\/(.*)$/m.exec(text)?.[1];
  return path === undefined || path.startsWith('..') || path.endsWith(' (deleted)') ? undefined : path;
}

/** Gives the group of this process below the cgroup2 mount, as {@link findOwnGroup}. */
export function ownGroup(): string | undefined {
  return findOwnGroup(readFileSync('/proc/self/cgroup', 'utf8'));
}

/**
 * Gives the group in which niwad makes its groups.
 * @param group the group in which niwad was started. Where its name is `daemon`, an earlier niwad had moved there and
 * has started this
 *   niwad: then the group above is given
 */
export function baseOf(group: string): string {
  const parts = group.split('/');
  return parts.length > 1 && parts.at(-1) === DAEMON_GROUP ? parts.slice(0, -1).join('/') : group;
}

/**
 * Gives the name of the daemon's own group below the cgroup2 mount: the name from the settings, or for "self" the group
 * of this process.
 * @throws NiwaError HOST_UNSUPPORTED where this process is in the root group, which belongs to the whole machine
 */
export function nameOfTree(configured: string): string {
  if (configured !== OWN_GROUP) return configured;
  const group = ownGroup();
  if (group === undefined || group === '')
    throw new NiwaError(
      'HOST_UNSUPPORTED',
      'cgroup "self" needs a group that niwad was started in, and it is in the root group or outside of what it can see; let a systemd unit with Delegate=yes start it, or name a group such as "niwa"',
    );
  return baseOf(group);
}

/**
 * Moves this process out of the group `base` into the group `daemon` below it.
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
