import type { BindMount, Spec, TmpfsMount } from '../spec/spec.js';
import {
  bind,
  type MountAttribute,
  maskPath,
  mkdir,
  mknod,
  mount,
  type Op,
  pivot,
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

/**
 * Builds the container's file tree and moves into it.
 * @param stage an empty directory of the host; what is mounted on it stays in the container's own mount namespace
 */
export function rootOps(spec: Spec, stage: string): Op[] {
  if (spec.namespaces.mount !== 'new') return [];
  return [
    privateMounts(),
    ...baseOps(spec, stage),
    ...kernelOps(spec),
    ...deviceOps(),
    ...spec.mounts.map(mountOp),
    ...MASKED.map(maskPath),
    ...READONLY.map(readonlyPath),
    ...(spec.root.readonly ? [remountRoot(['ro'])] : []),
    pivot(),
  ];
}

function baseOps({ root: { path, overlay } }: Spec, stage: string): Op[] {
  if (overlay === null) return [bind(path, stage, ['nodev'], 'host'), root(stage)];
  const size = overlay.sizeBytes === null ? [] : [`size=${overlay.sizeBytes}`];
  const [upper, work, merged] = [`${stage}/upper`, `${stage}/work`, `${stage}/root`];
  return [
    mount('tmpfs', stage, { place: 'host', data: ['mode=0755', ...size] }),
    ...[upper, work, merged].map((directory) => mkdir(directory, 0o755, 'host')),
    mount('overlay', merged, {
      place: 'host',
      attributes: ['nodev'],
      // A colon in a lowerdir would begin another one, see mount(8).
      data: [`lowerdir=${path.replace(/[\\:]/g, '\\$&')}`, `upperdir=${upper}`, `workdir=${work}`],
    }),
    root(merged),
  ];
}

function kernelOps({ namespaces }: Spec): Op[] {
  return [
    mount('proc', '/proc', { attributes: STRICT }),
    mount('sysfs', '/sys', { attributes: ['ro', ...STRICT] }),
    ...(namespaces.cgroup === 'host' ? [] : [mount('cgroup2', '/sys/fs/cgroup', { attributes: ['ro', ...STRICT] })]),
  ];
}

function deviceOps(): Op[] {
  return [
    mount('tmpfs', '/dev', { attributes: ['nosuid', 'noexec'], data: ['mode=0755', 'size=65536'] }),
    ...DEVICES.map(([path, major, minor]) => mknod(path, 0o666, major, minor)),
    ...DEVICE_LINKS.map(([target, path]) => symlink(target, path)),
    mount('devpts', '/dev/pts', {
      attributes: ['nosuid', 'noexec'],
      data: ['newinstance', 'ptmxmode=0666', 'mode=0620'],
    }),
    mount('tmpfs', '/dev/shm', { attributes: STRICT, data: ['mode=1777', 'size=67108864'] }),
    mount('mqueue', '/dev/mqueue', { attributes: STRICT }),
  ];
}

function mountOp(item: BindMount | TmpfsMount): Op {
  const attributes: MountAttribute[] = item.readonly ? ['ro', 'nosuid', 'nodev'] : ['nosuid', 'nodev'];
  if (item.type === 'bind') return bind(item.source, item.target, attributes);
  const size = item.sizeBytes === null ? [] : [`size=${item.sizeBytes}`];
  return mount('tmpfs', item.target, { attributes, data: ['mode=1777', ...size] });
}
