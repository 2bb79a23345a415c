import { posix } from 'node:path';
import { DEVICE_LINKS } from '../devices.js';
import type { Op } from '../op.js';
import { bind, chdir, joinUser, mount, root, setns, symlink, undumpable, user } from '../ops.js';
import { idInside, idOutside } from '../userns.js';
import type { OciConfig, OciMount, OciProcess } from './config.js';
import { isBind, isRemount, keepsPropagation, ociBind, ociMountOp, propagationChanges } from './mounts.js';
import { bindTree, divide, type MountChange, makeNode, raiseLimit } from './ops.js';
import { resourceOf } from './process.js';
import type { nodeOf } from './resources.js';
import type { RootParts } from './root.js';
import type { UserSpace } from './userns.js';

/**
 * The program of a container with a user namespace has two parts. The first one runs in a process that is root of the
 * host: it opens all that the root of the container may not, and puts it aside, into a file system at the stage. The
 * second one runs in its child, in namespaces that belong to the user namespace: it takes from there what the config
 * lists, in its order. The kernel locks what the first part has mounted: its attributes, and the mounts in it.
 */

const USER_FLAG = 0x1000_0000;
/** The places in the side directory. The first part names them from its root on, the second one from where it is. */
const ROOT = 'root';
const mountPlace = (i: number) => `mounts/${i}`;
const nodePlace = (path: string) => `nodes${posix.normalize(path)}`;

/** A device node, see nodeOf(). */
type Node = ReturnType<typeof nodeOf>;
const FIFO = 0o010000;
const TYPE = 0o170000;
const isFifo = ({ mode }: Node) => (mode & TYPE) === FIFO;

/** The file systems that show a namespace: only who has rights over it may mount them, see mount_namespaces(7). */
const SHOWN: Readonly<Record<string, string>> = {
  cgroup: 'cgroup',
  cgroup2: 'cgroup',
  mqueue: 'ipc',
  sysfs: 'network',
};

/** Whether the second part cannot mount what the config lists: a path or a namespace of the host. */
const isOfHost = (item: OciMount, made: readonly string[]): boolean => {
  if (isRemount(item)) return false;
  const space = Object.hasOwn(SHOWN, item.type ?? '') ? SHOWN[item.type ?? ''] : undefined;
  return isBind(item) || (space !== undefined && !made.includes(space));
};

/** What is put aside. */
export interface Aside {
  stage: string;
  /** The namespaces that are made for the container. */
  made: readonly string[];
  /** The path of the root, and of the source of each bind. */
  root: string;
  sources: readonly (string | undefined)[];
  /** Whether later mounts of the host appear in the root. */
  isSlave: boolean;
  /** The nodes of /dev. */
  nodes: readonly Node[];
  /** The change that maps the ids of a bind. */
  idmapOf: (item: OciMount, field: string) => MountChange[];
}

/** Gives the operations that put aside. Their mount namespace is that of the first part. */
export function asideOps({ mounts = [] }: OciConfig, aside: Aside, { maps }: UserSpace): Op[] {
  const { stage, made, sources, isSlave, nodes, idmapOf } = aside;
  const ownerOf = ({ uid, gid }: Node) => ({ uid: idOutside(maps.uids, uid), gid: idOutside(maps.gids, gid) });
  return [
    mount('tmpfs', stage, { place: 'host', source: 'niwa-side', data: ['mode=0755'] }),
    root(stage),
    bindTree(aside.root, `/${ROOT}`, { words: [], recursive: true, keepsPropagation: isSlave, changes: [] }),
    ...mounts.flatMap((item, i) => {
      if (!isOfHost(item, made)) return [];
      const field = `mounts[${i}]`;
      if (!isBind(item)) return [ociMountOp({ ...item, destination: `/${mountPlace(i)}` }, field, undefined)];
      const { source, attributes, ...parts } = ociBind(item, field, sources[i], idmapOf(item, field));
      return [bindTree(source, `/${mountPlace(i)}`, { ...parts, changes: attributes })];
    }),
    ...nodes
      .filter((node) => !isFifo(node))
      .map((node) => makeNode({ ...node, ...ownerOf(node), path: `/${nodePlace(node.path)}` })),
    chdir(stage),
  ];
}

/**
 * Gives the operations that join the user namespace and begin the second part in new namespaces.
 * @param id that of the workload: the process becomes root there, or this user where the maps have no root
 */
export function divideUserOps(
  { path, maps }: UserSpace,
  id: OciProcess['user'],
  { names, flags }: { names: readonly string[]; flags: number },
): Op[] {
  const join =
    path === undefined
      ? [joinUser(idInside(maps.uids, id.uid), idInside(maps.gids, id.gid))]
      : [setns('user', USER_FLAG, path), user(0, 0)];
  // in a PID namespace that it joins, others may have rights over its user namespace, and it has the files of the host
  return [...join, undumpable(), divide(names, flags)];
}

/** Raises the hard limits as root of the host: in a user namespace nobody may. */
export function raiseOps({ rlimits = [] }: OciProcess): Op[] {
  return rlimits.map(({ type, hard }, i) => raiseLimit(type, resourceOf(type, i), hard));
}

/** Gives the parts of a root of what was put aside. */
export function fromSide({ nodes, isSlave, made }: Pick<Aside, 'nodes' | 'isSlave' | 'made'>): RootParts {
  const links = nodes.length === 0 ? [] : DEVICE_LINKS;
  return {
    begin: [bind(ROOT, ROOT, { place: 'host', slave: isSlave }), root(ROOT)],
    mount: (item, i) => (isOfHost(item, made) ? mountFromSide(item, i) : ociMountOp(item, `mounts[${i}]`, undefined)),
    devices: [
      ...nodes.map((node) => (isFifo(node) ? makeNode(node) : nodeFromSide(node))),
      ...links.map(([target, path]) => symlink(target, path)),
    ],
  };
}

const mountFromSide = (item: OciMount, i: number): Op =>
  bindTree(mountPlace(i), item.destination, {
    words: [],
    recursive: true,
    keepsPropagation: keepsPropagation(item),
    changes: propagationChanges(item),
  });

const nodeFromSide = ({ path }: Node): Op =>
  bindTree(nodePlace(path), path, { words: [], recursive: false, keepsPropagation: false, changes: [] });
