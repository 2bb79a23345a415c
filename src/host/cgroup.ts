import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseMountinfo } from '../plan/mountinfo.js';
import type { Controllers } from '../plan/resources.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import { removeGroupsBelow } from './remove-tree.js';

const EMPTY_POLL_MS = 1000;
const EMPTYING_POLL_MS = 20;
/** How often niwad tries to empty a group: for four seconds at least. */
const MOST_EMPTYINGS = 200;

/** The controllers through which niwa limits containers. */
export const CONTROLLERS = ['cpu', 'memory', 'io', 'pids', 'cpuset'] as const;

/** The cgroup v1 names of the controllers that have another name in v2. */
const V1_NAMES: Record<string, string> = { io: 'blkio' };

/**
 * Gives the path at which the whole cgroup2 tree is mounted, from the text of mountinfo; undefined where there is none.
 */
export function findCgroup2Mount(mountinfo: string): string | undefined {
  return parseMountinfo(mountinfo).find(({ type, root }) => type === 'cgroup2' && root === '/')?.point;
}

/**
 * Gives the type of the file system on a mount point. Where a second mount covers the first, the type of the second.
 */
export function findFilesystem(mountinfo: string, point: string): string | undefined {
  return parseMountinfo(mountinfo).findLast((line) => line.point === point)?.type;
}

/** Gives the mount point of each controller that is bound to cgroup v1, by its v2 name. */
export function findV1Controllers(mountinfo: string): Record<string, string> {
  const lines = parseMountinfo(mountinfo).filter(({ type }) => type === 'cgroup');
  const found = CONTROLLERS.map((name) => {
    const line = lines.find(({ options }) => options.includes(V1_NAMES[name] ?? name));
    return [name, line?.point] as const;
  });
  return Object.fromEntries(found.filter(([, point]) => point !== undefined)) as Record<string, string>;
}

/** The groups of a daemon, and the controllers that can be used in them. */
export interface CgroupTree {
  mount: string;
  /** The daemon's own group, in which all its groups are: MOUNT/NAME. */
  base: string;
  /** The group that has one group for each container. */
  containers: string;
  controllers: Controllers;
}

/**
 * Gives the paths of the groups of the daemon `name`, and the controllers that the host has for them. Makes nothing.
 */
export function lookAtCgroupTree(name: string): CgroupTree {
  const mountinfo = readFileSync('/proc/self/mountinfo', 'utf8');
  const mount = findCgroup2Mount(mountinfo);
  if (mount === undefined)
    throw new NiwaError(
      'HOST_UNSUPPORTED',
      'no cgroup2 file system is mounted. Mount it with `mount -t cgroup2 none /sys/fs/cgroup`, or boot with systemd.unified_cgroup_hierarchy=1.',
    );
  const base = join(mount, name);
  const controllers = explainControllers(readWords(join(mount, 'cgroup.controllers')), findV1Controllers(mountinfo));
  return { mount, base, containers: join(base, 'containers'), controllers };
}

/**
 * Makes the daemon's groups, and turns on each controller that the host has for them.
 * @param delegated a service manager made the daemon's own group: the groups above it are not changed
 * @throws NiwaError HOST_UNSUPPORTED without cgroup2, HOST_ERROR where the groups cannot be made
 */
export function makeCgroupTree(name: string, { delegated = false } = {}): CgroupTree {
  const tree = lookAtCgroupTree(name);
  try {
    mkdirSync(tree.containers, { recursive: true });
  } catch (error) {
    throw new NiwaError(
      'HOST_ERROR',
      `cannot make ${tree.containers}: ${messageOf(error)}. niwad has to run as root.`,
      {
        cause: error,
      },
    );
  }
  const refused: Record<string, string> = {};
  const top = delegated ? tree.base : tree.mount;
  for (const directory of pathFrom(top, tree.containers)) Object.assign(refused, enableControllers(directory));
  const enabled = readWords(join(tree.containers, 'cgroup.subtree_control'));
  const { missing } = explainControllers(enabled, findV1Controllers(readFileSync('/proc/self/mountinfo', 'utf8')));
  return { ...tree, controllers: { available: enabled, missing: { ...missing, ...refused } } };
}

/**
 * Kills and removes the groups whose names are not in `owned`: no container of this daemon has them.
 * @returns the names of these groups; `error` for a group that the kernel does not let go
 */
export function removeLeftovers(
  tree: CgroupTree,
  owned: ReadonlySet<string>,
): Promise<{ name: string; error?: unknown }[]> {
  const names = groupsIn(tree.containers).filter((name) => !owned.has(name));
  const remove = (name: string) =>
    removeGroup(join(tree.containers, name)).then(
      () => ({ name }),
      (error: unknown) => ({ name, error }),
    );
  return Promise.all(names.map(remove));
}

/** Removes the daemon's own groups, as far as they are empty. A group in which something still is stays. */
export function removeCgroupTree(tree: CgroupTree): void {
  for (const directory of pathFrom(tree.mount, tree.containers).slice(1).reverse()) {
    try {
      rmdirSync(directory);
    } catch {
      return;
    }
  }
}

/**
 * Kills the processes in a group, and removes the group and the groups below it.
 * @throws NiwaError HOST_ERROR where the kernel does not let the group go within a few seconds
 */
export async function removeGroup(path: string): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    try {
      rmdirSync(path);
      return;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return;
      if (code !== 'EBUSY' || attempt === MOST_EMPTYINGS)
        throw new NiwaError('HOST_ERROR', `cannot remove the cgroup ${path}: ${messageOf(error)}`, { cause: error });
    }
    await emptyGroup(path);
  }
}

/** Kills the processes in a group and below it. As soon as they have gone, nobody makes groups below: these go, too. */
async function emptyGroup(path: string): Promise<void> {
  try {
    writeFileSync(join(path, 'cgroup.kill'), '1');
    if (!isPopulated(path)) return await removeGroupsBelow(path);
  } catch {
    // what stays keeps the group busy, which the next attempt to remove it tells
  }
  await sleep(EMPTYING_POLL_MS);
}

/** Removes a group and the groups below it where no process is in them; kills nothing. */
export async function removeUnlessPopulated(path: string): Promise<void> {
  try {
    if (isPopulated(path)) return;
    if (isDivided(path)) await removeGroupsBelow(path);
    rmdirSync(path);
  } catch {
    // it has gone, or others are in it now
  }
}

/** Whether groups are below a group. @throws the errors of readFileSync */
function isDivided(path: string): boolean {
  return !/^nr_descendants 0$/m.test(readFileSync(join(path, 'cgroup.stat'), 'utf8'));
}

/** Whether a process is in a group or below it. @throws the errors of readFileSync */
function isPopulated(path: string): boolean {
  return readFileSync(join(path, 'cgroup.events'), 'utf8').includes('populated 1');
}

/**
 * Removes a group when its last process has gone. This may take long: a killed process may wait in the kernel.
 * @param isOwn says whether the group at the path is still the one that is meant
 */
export async function removeWhenEmpty(path: string, isOwn: () => boolean): Promise<void> {
  while (isOwn()) {
    try {
      rmdirSync(path);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return;
    }
    await sleep(EMPTY_POLL_MS, undefined, { ref: false });
  }
}

function groupsIn(path: string): string[] {
  return readdirSync(path, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name);
}

/** Gives the directories from `top` down to `bottom`, with both. */
function pathFrom(top: string, bottom: string): string[] {
  const parts = bottom
    .slice(top.length)
    .split('/')
    .filter((part) => part !== '');
  return [top, ...parts.map((_, i) => join(top, ...parts.slice(0, i + 1)))];
}

/**
 * Turns on each controller for the groups in a directory. Gives for each controller that the kernel refused the reason.
 */
function enableControllers(directory: string): Record<string, string> {
  const offered = readWords(join(directory, 'cgroup.controllers'));
  const refused: Record<string, string> = {};
  for (const name of CONTROLLERS.filter((controller) => offered.includes(controller))) {
    try {
      writeFileSync(join(directory, 'cgroup.subtree_control'), `+${name}`);
    } catch (error) {
      refused[name] = `${directory}/cgroup.subtree_control refuses +${name}: ${messageOf(error)}`;
    }
  }
  return refused;
}

function explainControllers(available: string[], v1: Record<string, string>): Controllers {
  const missing = CONTROLLERS.filter((name) => !available.includes(name)).map((name) => {
    const reason =
      v1[name] === undefined
        ? 'the kernel does not offer it (it may be switched off by cgroup_disable, or not be delegated to this group)'
        : `it is bound to cgroup v1 on ${v1[name]}`;
    return [name, reason];
  });
  return { available, missing: Object.fromEntries(missing) };
}

function readWords(path: string): string[] {
  return readFileSync(path, 'utf8')
    .split(/\s+/)
    .filter((word) => word !== '');
}
