import { statfsSync, statSync } from 'node:fs';
import { release } from 'node:os';
import { kernel } from '../kernel/addon.js';

/** The Linux version from which each file system can be id-mapped, see mount_setattr(2). */
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

/** What the kernel said of each file system: its type and its device number name it. */
const probed = new Map<string, boolean>();

/**
 * Whether the file system of a path of niwad's own can be id-mapped; those of others are for reach(). The kernel is asked once for
 * each. A path that does not exist, or of which the kernel cannot be asked, counts as one that can: the start will say what is
 * wrong with it.
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

/** The same of the file system in a file, as far as its type tells. */
export function canIdmapImage(type: string): boolean {
  const since = IDMAPPED_SINCE[type];
  return since === undefined || kernelIsAtLeast(since);
}

function kernelIsAtLeast([major, minor]: readonly [number, number]): boolean {
  const [ownMajor = 0, ownMinor = 0] = release().split('.').map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
