import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type MountLine, parseMountinfo } from '../plan/mountinfo.js';

/** Finds out from sysfs how block devices are stacked. sysfs is in the kernel's memory, so no disk has to answer. */

const DEVICES = '/sys/dev/block';
const NAMES = '/sys/class/block';

/**
 * Gives the whole disks to which a block device passes its I/O on. For device mapper and RAID these are the devices of
 * which it is made. For a loop device it is the disk of the file system that has its file, if a mount of this process
 * shows that file system. Where sysfs cannot be read, the list is empty.
 * @param device "major:minor" of a whole disk
 */
export function devicesBelow(device: string): string[] {
  const directory = join(DEVICES, device);
  const slaves = namesIn(join(directory, 'slaves')).flatMap((name) => diskOf(join(directory, 'slaves', name)));
  const file = textOf(join(directory, 'loop/backing_file'));
  const backing = file === null ? [] : backingOf(file.replace(/\n$/, ''));
  return [...new Set([...slaves, ...backing])];
}

/**
 * Gives the disk under a loop device's file. The path is compared with the mounts and never opened, since its file
 * system may hang.
 */
function backingOf(path: string): string[] {
  const mount = mountOf(path, textOf('/proc/self/mountinfo') ?? '');
  if (mount === null) return [];
  if (!mount.device.startsWith('0:')) return diskOf(join(DEVICES, mount.device));
  // btrfs: each file system has a number of its own, so the disk is found by the source's name
  return namedDisk(mount.source);
}

/**
 * Finds a disk by the name of its device in sysfs. The path itself is not opened: a user of FUSE chooses the name, and
 * the path may hang.
 */
function namedDisk(source: string): string[] {
  const [, mapped, name] = /^\/dev\/(mapper\/)?([^/]+)$/.exec(source) ?? [];
  if (name === undefined || name === '.' || name === '..') return [];
  if (mapped === undefined) return diskOf(join(NAMES, name));
  const found = namesIn(NAMES).find((one) => textOf(join(NAMES, one, 'dm/name'))?.trimEnd() === name);
  return found === undefined ? [] : diskOf(join(NAMES, found));
}

/**
 * Finds the mount that has a path.
 * @param path absolute, without symbolic links
 * @param mountinfo the text of /proc/self/mountinfo, see proc(5)
 * @returns the device of the mount as "major:minor", and its source; null where no mount has the path
 */
export function mountOf(path: string, mountinfo: string): { device: string; source: string } | null {
  let found: MountLine | null = null;
  for (const mount of parseMountinfo(mountinfo)) {
    const { point } = mount;
    const covers = point === '/' || path === point || path.startsWith(`${point}/`);
    // Where two mounts are on the same point, the later one hides the earlier one.
    if (covers && point.length >= (found?.point.length ?? 0)) found = mount;
  }
  return found === null ? null : { device: found.device, source: found.source };
}

/** Gives the disk of a device in sysfs. For a partition, this is the disk on which the partition is. */
function diskOf(path: string): string[] {
  try {
    const real = realpathSync(path);
    const disk = textOf(join(real, 'partition')) === null ? real : dirname(real);
    return [readFileSync(join(disk, 'dev'), 'utf8').trim()];
  } catch {
    return [];
  }
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function textOf(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}
