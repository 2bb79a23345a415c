import { posix } from 'node:path';
import { DEVICE_LINKS, DEVICE_NODES } from '../devices.js';
import type { Op } from '../op.js';
import {
  maskPath,
  mkdir,
  mknod,
  pivot,
  privateMounts,
  readonlyPath,
  remountRoot,
  root,
  slaveMounts,
  symlink,
} from '../ops.js';
import type { OciConfig, OciMount } from './config.js';
import type { RootHooks } from './hooks.js';
import { labelled, labelOps } from './labels.js';
import { propagationOf } from './mount-words.js';
import { isBind, isRemount, keepsPropagation, ociMountOp } from './mounts.js';
import {
  bindRoot,
  changeRoot,
  closeMount,
  type MountChange,
  makeNode,
  moveRoot,
  pivotShared,
  privateAbove,
  propagate,
  rootAsItIs,
} from './ops.js';
import { refused } from './refusal.js';
import { nodeOf } from './resources.js';

/** The root of an OCI container: exactly the mounts of its config, in their order. */

const MS_REC = 0x4000;

/** Whether /dev is that of the host: then nothing is made in it. Pure. */
export function hasHostDevices({ mounts = [] }: OciConfig): boolean {
  return mounts.some((item) => isOnDevices(item) && (isBind(item) || (item.type === 'devtmpfs' && !isRemount(item))));
}

const isOnDevices = ({ destination }: OciMount): boolean => posix.normalize(`${destination}/`) === '/dev/';
/** Whether a mount makes /dev read-only. A /dev of the container's own is closed when all is made in it. */
const closesDevices = (item: OciMount): boolean =>
  isOnDevices(item) && item.options?.findLast((word) => word === 'ro' || word === 'rw') === 'ro';
/** The file that a terminal is mounted on. */
const CONSOLE = makeNode({ path: '/dev/console', mode: 0o100_600, device: 0, uid: 0, gid: 0 });
const opened = (item: OciMount): OciMount => ({
  ...item,
  options: item.options?.filter((word) => word !== 'ro') ?? [],
});

/** Whether a container has a mount namespace of its own, which ends with it. Pure. */
export const ownsMounts = ({ linux: { namespaces = [] } = {} }: Pick<OciConfig, 'linux'>): boolean =>
  namespaces.some(({ type, path = '' }) => type === 'mount' && path === '');

/** Whether mounts that the host makes later appear in the root. Pure. */
export const isSlaveRoot = ({ linux = {} }: OciConfig): boolean => /^r?slave$/.test(linux.rootfsPropagation ?? '');

/** How a root is begun, and how its mounts and devices are made: by the process itself, or of what was put aside. */
export interface RootParts {
  begin: Op[];
  mount: (item: OciMount, i: number) => Op;
  devices: Op[];
}

/** Gives the parts of a root that the process makes itself, from the paths of the host. Pure. */
export function ownParts(
  config: OciConfig,
  stage: string,
  sources: { root: string; mounts: readonly (string | undefined)[] },
  idmapOf: (item: OciMount, field: string) => readonly MountChange[],
): RootParts {
  return {
    begin: [...propagationOps(config, stage), bindRoot(sources.root, stage, isSlaveRoot(config)), root(stage)],
    mount: (item, i) => ociMountOp(item, `mounts[${i}]`, sources.mounts[i], idmapOf(item, `mounts[${i}]`)),
    devices: hasHostDevices(config) ? [] : deviceOps(config),
  };
}

/**
 * Gives the operations that make the root and pivot into it. Pure.
 * @param pivots false: the root is moved over that of the host
 * @throws NiwaError SPEC_INVALID
 */
export function rootOps(
  config: OciConfig,
  { begin, mount, devices }: RootParts,
  pivots: boolean,
  hooks: RootHooks,
): Op[] {
  const { root: own, mounts = [], process, linux = {} } = config;
  const { maskedPaths = [], readonlyPaths = [], rootfsPropagation = '' } = linux;
  const propagation = rootfsPropagation === '' ? undefined : propagationOf(rootfsPropagation);
  if (rootfsPropagation !== '' && propagation === undefined)
    throw refused(`linux.rootfsPropagation "${rootfsPropagation}"`, 'there is no such propagation');
  const isShared = /^r?shared$/.test(rootfsPropagation);
  if (isShared && !pivots)
    throw refused(`linux.rootfsPropagation "${rootfsPropagation}"`, 'with --no-pivot, mounts of the host would end');
  const closesLater = !hasHostDevices(config) && mounts.some(closesDevices);
  const atItsTurn = (item: OciMount) => (closesLater && closesDevices(item) ? opened(item) : item);
  return [
    ...begin,
    ...hooks.before,
    ...mounts.map((item, i) => mount(labelled(atItsTurn(item), linux.mountLabel), i)),
    ...devices,
    ...hooks.run,
    ...(process.cwd === '/' ? [] : [mkdir(process.cwd, 0o755)]),
    ...maskedPaths.map(maskPath),
    ...readonlyPaths.map(readonlyPath),
    ...(closesLater ? [CONSOLE, closeMount('/dev')] : []),
    ...(own.readonly ? [remountRoot(['ro'])] : []),
    ...labelOps(process),
    pivots ? (isShared ? pivotShared() : pivot()) : moveRoot(),
    ...(propagation === undefined
      ? []
      : [propagate(rootfsPropagation, propagation.propagation | (propagation.recursive ? MS_REC : 0))]),
  ];
}

/**
 * Makes a directory the root where the mount namespace is that of others: what is mounted in it would stay. Pure.
 * @throws NiwaError SPEC_INVALID for a field that needs a mount
 */
export function unmountedRootOps(config: OciConfig, path: string, hooks: RootHooks): Op[] {
  const { root: own, mounts = [], process, linux = {} } = config;
  const { maskedPaths = [], readonlyPaths = [], rootfsPropagation = '' } = linux;
  const mounted = {
    mounts: mounts.length > 0,
    'root.readonly': own.readonly ?? false,
    'linux.maskedPaths': maskedPaths.length > 0,
    'linux.readonlyPaths': readonlyPaths.length > 0,
    'linux.rootfsPropagation': rootfsPropagation !== '',
  };
  for (const [field, isAsked] of Object.entries(mounted))
    if (isAsked)
      throw refused(
        field,
        'it would stay in a mount namespace that others have: linux.namespaces needs a new one of type mount',
      );
  return [
    rootAsItIs(path),
    ...deviceOps(config),
    ...hooks.run,
    ...(process.cwd === '/' ? [] : [mkdir(process.cwd, 0o755)]),
    ...labelOps(process),
    changeRoot(),
  ];
}

/** What becomes of the mounts of the host in the new mount namespace, before anything is mounted in it. Pure. */
export function propagationOps(config: OciConfig, stage: string): Op[] {
  const { mounts = [], linux: { rootfsPropagation = '' } = {} } = config;
  if (/^r?shared$/.test(rootfsPropagation)) return [privateAbove(stage)];
  const isSlave = isSlaveRoot(config) || (rootfsPropagation === '' && mounts.some(keepsPropagation));
  return [isSlave ? slaveMounts() : privateMounts()];
}

/** The nodes of the config, and the usual ones that it does not name. */
function nodesOf({ linux: { devices = [] } = {} }: OciConfig) {
  const named = devices.map((device, i) => nodeOf(device, `linux.devices[${i}]`));
  return { named, usual: DEVICE_NODES.filter(([path]) => named.every((own) => own.path !== path)) };
}

/** Gives all device nodes of a container, see nodeOf(). Pure. */
export function allNodes(config: OciConfig): ReturnType<typeof nodeOf>[] {
  const { named, usual } = nodesOf(config);
  const usualOnes = usual.map(([path, major, minor]) => ({ path, type: 'c', major, minor }));
  return hasHostDevices(config) ? [] : [...named, ...usualOnes.map((device) => nodeOf(device, device.path))];
}

function deviceOps(config: OciConfig): Op[] {
  const { named, usual } = nodesOf(config);
  return [
    ...named.map(makeNode),
    ...usual.map(([path, major, minor]) => mknod(path, 0o666, major, minor)),
    ...DEVICE_LINKS.map(([target, path]) => symlink(target, path)),
  ];
}
