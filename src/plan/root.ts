import { posix } from 'node:path';
import type { BindMount, IdMapping, IdMaps, Idmap, Spec, TmpfsMount } from '../protocol/resolved-spec.js';
import { DEVICE_LINKS, DEVICE_NODES } from './devices.js';
import { HOST_ROOT, idText, type Op, type Owner } from './op.js';
import {
  bind,
  FIRST_MOUNT_USERNS_FD,
  image,
  type MountAttribute,
  mkdir,
  mknod,
  mount,
  overlay,
  pivot,
  placeFile,
  privateMounts,
  remountRoot,
  root,
  slaveMounts,
  symlink,
  upper,
} from './ops.js';
import { protectionOps } from './protected-files.js';
import { idOutside, mountMap, mountMaps, writesToRoot } from './userns.js';

/**
 * The most terminals of one container. kernel.pty.max (4096, of which 1024 are for the host) counts those of the whole
 * machine.
 */
const MAX_TERMINALS = 256;

/** The name, in the stage directory, of the directory that keeps the writes of an overlay. */
const KEPT = 'kept';
const STRICT: MountAttribute[] = ['nosuid', 'nodev', 'noexec'];

/**
 * The size of each of the four private places, as a share of the host's memory: all four together have less than half
 * of it.
 */
const A_TENTH = '10%';
/**
 * Paths and modes of the directories that a container on the host's own root gets for itself, since it cannot write to
 * the host's.
 */
const PRIVATE_PLACES: [string, string][] = [
  ['/tmp', '1777'],
  ['/var/tmp', '1777'],
  ['/run', '0755'],
  ['/root', '0700'],
];

/** A file of the host that is mounted over a path in the container's root. */
export interface PlacedFile {
  source: string;
  target: string;
  /** Whether the start fails if the root has no such path. */
  isNeeded: boolean;
}

/**
 * Builds the file tree of the container, and moves into it.
 * @param stage an empty directory of the host. Mounts on it are only in the container's own mount namespace
 * @param maps the id maps of its user namespace; null for the host's user namespace
 * @param options `files`: files of the host to place in the root. `placeBytes`: the size of each private place over the
 * host's own root;
 *   null for a tenth of the host's memory. `absent`: the names of {@link BUILT_IN} that the host does not have
 */
export function rootOps(
  spec: Spec,
  stage: string,
  maps: IdMaps | null,
  {
    files = [],
    placeBytes = null,
    absent = [],
  }: { files?: readonly PlacedFile[]; placeBytes?: number | null; absent?: readonly string[] } = {},
): Op[] {
  if (spec.namespaces.mount !== 'new') return [];
  const owner = ownerOf(maps);
  return [
    hasSlave(spec) ? slaveMounts() : privateMounts(),
    ...baseOps(spec, stage, maps),
    ...workingDirectoryOps(spec),
    ...kernelOps(spec),
    ...deviceOps(owner, writesToHost(spec, maps) ? writerOf(spec, maps) : owner, spec.shmSizeBytes),
    ...(maps !== null && isDefaultRoot(spec) ? privatePlaces(owner, placeBytes) : []),
    ...files.map(placeFile),
    ...spec.mounts.map((item) => mountOp(spec, item, owner, maps)),
    ...spec.devices.map((path) => bind(path, path, { attributes: ['nosuid', 'noexec'] })),
    ...protectionOps(absent),
    ...(spec.root.readonly ? [remountRoot(['ro'])] : []),
    pivot(),
  ];
}

/**
 * Makes the working directory, if the root is an image: many images name one that they do not have. In other roots that
 * is an error.
 */
function workingDirectoryOps({ root: { image: found }, process: { cwd } }: Spec): Op[] {
  const path = posix.resolve(cwd);
  return found === null || path === '/' ? [] : [mkdir(path, 0o755)];
}

function hasSlave({ mounts }: Spec): boolean {
  return mounts.some((item) => item.type === 'bind' && item.propagation === 'rslave');
}

/** Says whether files are id-mapped. They are not where the file system cannot do it ("unsupported"). */
function isMapped(idmap: Idmap): boolean {
  return idmap === true || idmap === 'auto';
}

function isDefaultRoot({ root: { path } }: Spec): boolean {
  return path === '/';
}

/** Gives the host ids of the container's root user. */
function ownerOf(maps: IdMaps | null): Owner {
  const hostIdOfRoot = (map: IdMapping[]) => map.find(({ container }) => container === 0)?.host ?? 0;
  return maps === null ? HOST_ROOT : { uid: hostIdOfRoot(maps.uids), gid: hostIdOfRoot(maps.gids) };
}

/**
 * Mounts the root. A root that the spec names is id-mapped. The host's own root is not id-mapped: so a container with
 * its own user namespace can read only files that every user may read, and can write none.
 */
function baseOps(spec: Spec, stage: string, maps: IdMaps | null): Op[] {
  const { layers, file, overlay: writes } = spec.root;
  const idmap = isMapped(spec.root.idmap) && !isDefaultRoot(spec);
  const keep = writes?.directory ?? null;
  const keepsIds = keep !== null && maps !== null;
  const isWritten = writesToHost(spec, maps);
  const builder: Owner = isWritten ? writerOf(spec, maps) : idmap ? ownerOf(maps) : HOST_ROOT;
  const only = layers.length === 1 ? layers[0] : undefined;
  if (writes === null && file !== null) return [image(stage, { idmap }), root(stage, builder)];
  if (writes === null && only !== undefined) {
    const shown = isWritten ? writableMap(spec, maps) : idmap;
    return [bind(only, stage, { attributes: ['nodev'], idmap: shown, place: 'host' }), root(stage, builder)];
  }

  const at = (name: string | number) => `${stage}/${name}`;
  const size = keep === null && writes !== null && writes.sizeBytes !== null ? [`size=${writes.sizeBytes}`] : [];
  const own = writes !== null && keep === null ? ['upper', 'work'] : [];
  return [
    mount('tmpfs', stage, { place: 'host', data: ['mode=0755', ...size] }),
    ...[...own, 'root'].map((name) => mkdir(at(name), 0o755, 'host', builder)),
    ...(keep === null
      ? []
      : [mkdir(at(KEPT), 0o755, 'host'), upper(keep, at(KEPT), keepsIds ? keptBy(spec, maps) : { idmap: false })]),
    ...(file === null ? [] : [mkdir(at(0), 0o755, 'host'), image(at(0), { idmap })]),
    ...layers.flatMap((layer, i) => [
      mkdir(at(i), 0o755, 'host'),
      // overlayfs shows no mounts below a layer
      bind(layer, at(i), { attributes: ['ro'], idmap, recursive: false, place: 'host' }),
    ]),
    overlay(stage, 'root', overlayOptions(Math.max(layers.length, 1), writes), {
      attributes: ['nodev'],
      maker: keepsIds ? builder : HOST_ROOT,
    }),
    root(at('root'), builder),
  ];
}

/**
 * Gives the options of the overlay. Layers are named 0, 1, 2 ... in the stage directory: so the options of many layers
 * fit into a page, and contain no path from a user. Index and metacopy are off: with them, a directory that keeps
 * writes could not be used with other layers later.
 */
function overlayOptions(layers: number, writes: Spec['root']['overlay']): string[] {
  const lower = ['index=off', 'metacopy=off', `lowerdir=${Array.from({ length: layers }, (_, i) => i).join(':')}`];
  if (writes === null) return lower;
  const below = writes.directory === null ? '' : `${KEPT}/`;
  return [...lower, `upperdir=${below}upper`, `workdir=${below}work`];
}

function kernelOps({ namespaces }: Spec): Op[] {
  return [
    mount('proc', '/proc', { attributes: STRICT }),
    mount('sysfs', '/sys', { attributes: ['ro', ...STRICT] }),
    ...(namespaces.cgroup === 'host' ? [] : [mount('cgroup2', '/sys/fs/cgroup', { attributes: ['ro', ...STRICT] })]),
  ];
}

/**
 * @param maker the owner of directories that are made because the root does not have them, also of those in its /dev
 */
function deviceOps(owner: Owner, maker: Owner, shmBytes = 64 * 2 ** 20): Op[] {
  return [
    mount('tmpfs', '/dev', { attributes: ['nosuid', 'noexec'], data: ['mode=0755', 'size=65536', ...ownedBy(maker)] }),
    ...DEVICE_NODES.map(([path, major, minor]) => mknod(path, 0o666, major, minor)),
    ...DEVICE_LINKS.map(([target, path]) => symlink(target, path)),
    mount('devpts', '/dev/pts', {
      attributes: ['nosuid', 'noexec'],
      data: ['newinstance', 'ptmxmode=0666', 'mode=0620', `max=${MAX_TERMINALS}`],
    }),
    mount('tmpfs', '/dev/shm', { attributes: STRICT, data: ['mode=1777', `size=${shmBytes}`, ...ownedBy(owner)] }),
    mount('mqueue', '/dev/mqueue', { attributes: STRICT }),
  ];
}

function privatePlaces(owner: Owner, bytes: number | null): Op[] {
  const size = `size=${bytes ?? A_TENTH}`;
  return PRIVATE_PLACES.map(([path, mode]) =>
    mount('tmpfs', path, { attributes: ['nosuid', 'nodev'], data: [`mode=${mode}`, size, ...ownedBy(owner)] }),
  );
}

/** Gives the descriptor of the user namespace for a mount that has its own id map. */
function usernsOf(spec: Spec, own: IdMaps, maps: IdMaps | null): number {
  const wanted = JSON.stringify(mountMap(own, maps));
  return FIRST_MOUNT_USERNS_FD + mountMaps(spec, maps).findIndex((each) => JSON.stringify(each) === wanted);
}

/**
 * Says whether directories that are made in the root are written to a file system of the host, through an id-mapped
 * mount.
 */
function writesToHost({ root }: Spec, maps: IdMaps | null): boolean {
  const keeps = root.overlay !== null && root.overlay.directory !== null;
  return maps !== null && (keeps || (isMapped(root.idmap) && writesToRoot(root)));
}

/**
 * Gives the id map for a directory of the host to which the container writes: that of its user namespace, or another by
 * its descriptor.
 */
function writableMap(spec: Spec, maps: IdMaps | null): true | number {
  return spec.diskIds === undefined ? true : usernsOf(spec, spec.diskIds, maps);
}

/**
 * Gives the host ids of the user who writes to disk: the user of the container that `diskIds` maps, else the
 * container's root.
 */
function writerOf({ diskIds }: Spec, maps: IdMaps | null): Owner {
  const [uid, gid] = [diskIds?.uids[0]?.container, diskIds?.gids[0]?.container];
  if (uid === undefined || gid === undefined) return ownerOf(maps);
  return { uid: idOutside(maps?.uids, uid), gid: idOutside(maps?.gids, gid) };
}

/** Gives the ids on disk of that user, and the id map of the directory that keeps the writes. */
function keptBy(spec: Spec, maps: IdMaps | null): { idmap: true | number; owner: Owner } {
  const [uid = 0, gid = 0] = [spec.diskIds?.uids[0]?.host, spec.diskIds?.gids[0]?.host];
  return { idmap: writableMap(spec, maps), owner: { uid, gid } };
}

function mountOp(spec: Spec, item: BindMount | TmpfsMount, owner: Owner, maps: IdMaps | null): Op {
  const attributes: MountAttribute[] = item.readonly ? ['ro', 'nosuid', 'nodev'] : ['nosuid', 'nodev'];
  if (item.type === 'bind') {
    const { source, target, propagation } = item;
    return bind(source, target, { attributes, idmap: bindMap(spec, item, maps), slave: propagation === 'rslave' });
  }
  const size = item.sizeBytes === null ? [] : [`size=${item.sizeBytes}`];
  return mount('tmpfs', item.target, { attributes, data: ['mode=1777', ...size, ...ownedBy(owner)] });
}

function bindMap(spec: Spec, { idmap, readonly, volume }: BindMount, maps: IdMaps | null): boolean | number {
  if (typeof idmap === 'object') return usernsOf(spec, idmap, maps);
  // only root can enter the directory of volumes, so ids on disk do no harm: those of the container are kept
  if (volume !== undefined) return isMapped(idmap);
  return isMapped(idmap) && (readonly || writableMap(spec, maps));
}

function ownedBy({ uid, gid }: Owner): string[] {
  return uid === 0 && gid === 0 ? [] : [`uid=${idText(uid)}`, `gid=${idText(gid)}`];
}
