import { statfsSync } from 'node:fs';
import { release } from 'node:os';

/** f_type of statfs(2) of what no kernel can id-map: 9p, NFS, overlay, CIFS, SMB 2. */
const NEVER = [0x01021997, 0x6969, 0x794c7630, 0xff534d42, 0xfe534d42];
const TMPFS = 0x01021994;
const TMPFS_SINCE = [6, 3] as const;

/**
 * Whether the file system of a path can be id-mapped by this kernel, see mount_setattr(2), as far as its type tells. A path
 * that does not exist counts as one that can: the start will say what is wrong with it.
 */
export function canIdmap(path: string): boolean {
  try {
    const { type } = statfsSync(path);
    return type === TMPFS ? kernelIsAtLeast(TMPFS_SINCE) : !NEVER.includes(type);
  } catch {
    return true;
  }
}

function kernelIsAtLeast([major, minor]: readonly [number, number]): boolean {
  const [ownMajor = 0, ownMinor = 0] = release().split('.').map(Number);
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
