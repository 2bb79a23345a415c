import { statfsSync, statSync } from 'node:fs';
import { release } from 'node:os';
import { kernel } from '../kernel/addon.js';
import { isKernelFrom } from './kernel-release.js';

/** For each file system, the Linux version that brought id-mapped mounts of it, see mount_setattr(2). */
export const IDMAPPED_SINCE: Record<string, readonly [number, number]> = {
  ext4: [5, 12],
  vfat: [5, 12],
  xfs: [5, 12],
  btrfs: [5, 15],
  ntfs3: [5, 15],
  f2fs: [5, 18],
  erofs: [5, 19],
  squashfs: [6, 2],
  tmpfs: [6, 3],
  ceph: [6, 7],
};

/** What the kernel answered for each file system, by the type and the device number of the file system. */
const probed = new Map<string, boolean>();

/**
 * Says whether mounts of the file system of a path can be id-mapped. Only for paths of niwad itself; paths that users
 * name have to go through reach(). The kernel is asked once for each file system. Where the path does not exist, or the
 * kernel cannot be asked, the answer is yes: the start will then fail, and say what is wrong.
 */
export function canIdmap(path: string): boolean {
  try {
    const name = `${statfsSync(path).type} ${statSync(path).dev}`;
    const known = probed.get(name) ?? kernel.host.canIdmap(path);
    probed.set(name, known);
    return known;
  } catch {
    return true;
  }
}

/** Says whether mounts of an image can be id-mapped, by the type of the file system in the image. */
export function canIdmapImage(type: string): boolean {
  const since = IDMAPPED_SINCE[type];
  return since === undefined || isKernelFrom(release(), since);
}
