import type { BindMount, IdMapping, IdMaps, Spec, TmpfsMount } from '../spec/spec.js';
import {
  bind,
  type MountAttribute,
  maskPath,
  mkdir,
  mknod,
  mount,
  type Op,
  type Owner,
  pivot,
  placeFile,
  privateMounts,
  readonlyPath,
  remountRoot,
  root,
  symlink,
} from './ops.js';

/** The fixed set of devices: path, minor numbers of the memory (1) and terminal (5) drivers. */
const DEVICES: [string, number, number][] = [
  ['/dev/null', 1, 3],
  ['/dev/zero', 1, 5],
  ['/dev/full', 1, 7],
  ['/dev/random', 1, 8],
  ['/dev/urandom', 1, 9],
  ['/dev/tty', 5, 0],
];
const DEVICE_LINKS: [string, string][] = [
  ['/proc/self/fd', '/dev/fd'],
  ['/proc/self/fd/0', '/dev/stdin'],
  ['/proc/self/fd/1', '/dev/stdout'],
  ['/proc/self/fd/2', '/dev/stderr'],
  ['pts/ptmx', '/dev/ptmx'],
];
/** What /proc shows of the whole machine and a container has no business with. */
const MASKED = [
  '/proc/acpi',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/firmware',
];
const READONLY = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'];
const STRICT: MountAttribute[] = ['nosuid', 'nodev', 'noexec'];

/** Places of the default root that are the container's own, where the host's files are not its to write: path and mode. */
const PRIVATE_PLACES: [string, string][] = [
  ['/tmp', '1777'],
  ['/var/tmp', '1777'],
  ['/run', '0755'],
  ['/root', '0700'],
];

/**
 * Builds the container's file tree and moves into it.
 * @param stage an empty directory of the host; what is mounted on it stays in the container's own mount namespace
 * @param maps the ids of its user namespace; null for the host's
 * @param files of the daemon's view, with their places in the root
 */
export function rootOps(
  spec: Spec,
  stage: string,
  maps: IdMaps | null,
  files: readonly { source: string; target: string }[] = [],
): Op[] {
  if (spec.namespaces.mount !== 'new') return [];
  const owner = ownerOf(maps);
  return [
    privateMounts(),
    ...baseOps(spec, stage, owner),
    ...kernelOps(spec),
    ...deviceOps(owner),
    ...(maps !== null && isDefaultRoot(spec) ? privatePlaces(owner) : []),
    ...files.map(({ source, target }) => placeFile(source, target)),
    ...spec.mounts.map((item) => mountOp(item, owner)),
    ...spec.devices.map((path) => bind(path, path, { attributes: ['nosuid', 'noexec'] })),
    ...MASKED.map(maskPath),
    ...READONLY.map(readonlyPath),
    ...(spec.root.readonly ? [remountRoot(['ro'])] : []),
    pivot(),
  ];
}

function isDefaultRoot({ root: { path } }: Spec): boolean {
  return path === '/';
}

/** The host ids of the container's root user. */
function ownerOf(maps: IdMaps | null): Owner {
  const hostIdOfRoot = (map: IdMapping[]) => map.find(({ container }) => container === 0)?.host ?? 0;
  return maps === null ? { uid: 0, gid: 0 } : { uid: hostIdOfRoot(maps.uids), gid: hostIdOfRoot(maps.gids) };
}

/**
 * The root of a spec is id-mapped. The host's own root is not: its private files stay unreadable, and nothing of it is
 * writable, to a container that runs on it in a user namespace of its own.
 */
function baseOps(spec: Spec, stage: string, owner: Owner): Op[] {
  const { path, overlay } = spec.root;
  const idmap = spec.root.idmap !== false && !isDefaultRoot(spec);
  const builder: Owner = idmap ? owner : { uid: 0, gid: 0 };
  if (overlay === null)
    return [bind(path, stage, { attributes: ['nodev'], idmap, place: 'host' }), root(stage, builder)];
  const size = overlay.sizeBytes === null ? [] : [`size=${overlay.sizeBytes}`];
  const [lower, upper, work, merged] = ['lower', 'upper', 'work', 'root'].map((name) => `${stage}/${name}`) as [
    string,
    string,
    string,
    string,
  ];
  const layer = isDefaultRoot(spec) ? '/' : lower;
  return [
    mount('tmpfs', stage, { place: 'host', data: ['mode=0755', ...size] }),
    ...[upper, work, merged].map((directory) => mkdir(directory, 0o755, 'host', builder)),
    ...(layer === '/'
      ? []
      : [mkdir(lower, 0o755, 'host'), bind(path, lower, { attributes: ['ro'], idmap, place: 'host' })]),
    mount('overlay', merged, {
      place: 'host',
      attributes: ['nodev'],
      data: [`lowerdir=${layer}`, `upperdir=${upper}`, `workdir=${work}`],
    }),
    root(merged, builder),
  ];
}

function kernelOps({ namespaces }: Spec): Op[] {
  return [
    mount('proc', '/proc', { attributes: STRICT }),
    mount('sysfs', '/sys', { attributes: ['ro', ...STRICT] }),
    ...(namespaces.cgroup === 'host' ? [] : [mount('cgroup2', '/sys/fs/cgroup', { attributes: ['ro', ...STRICT] })]),
  ];
}

function deviceOps(owner: Owner): Op[] {
  const owned = ownedBy(owner);
  return [
    mount('tmpfs', '/dev', { attributes: ['nosuid', 'noexec'], data: ['mode=0755', 'size=65536', ...owned] }),
    ...DEVICES.map(([path, major, minor]) => mknod(path, 0o666, major, minor)),
    ...DEVICE_LINKS.map(([target, path]) => symlink(target, path)),
    mount('devpts', '/dev/pts', {
      attributes: ['nosuid', 'noexec'],
      data: ['newinstance', 'ptmxmode=0666', 'mode=0620'],
    }),
    mount('tmpfs', '/dev/shm', { attributes: STRICT, data: ['mode=1777', 'size=67108864', ...owned] }),
    mount('mqueue', '/dev/mqueue', { attributes: STRICT }),
  ];
}

function privatePlaces(owner: Owner): Op[] {
  return PRIVATE_PLACES.map(([path, mode]) =>
    mount('tmpfs', path, { attributes: ['nosuid', 'nodev'], data: [`mode=${mode}`, ...ownedBy(owner)] }),
  );
}

function mountOp(item: BindMount | TmpfsMount, owner: Owner): Op {
  const attributes: MountAttribute[] = item.readonly ? ['ro', 'nosuid', 'nodev'] : ['nosuid', 'nodev'];
  if (item.type === 'bind') return bind(item.source, item.target, { attributes, idmap: item.idmap !== false });
  const size = item.sizeBytes === null ? [] : [`size=${item.sizeBytes}`];
  return mount('tmpfs', item.target, { attributes, data: ['mode=1777', ...size, ...ownedBy(owner)] });
}

function ownedBy({ uid, gid }: Owner): string[] {
  return uid === 0 && gid === 0 ? [] : [`uid=${uid}`, `gid=${gid}`];
}
