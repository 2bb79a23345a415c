import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** How block devices are stacked, from sysfs: the kernel's own memory, no disk is waited for. */

const DEVICES = '/sys/dev/block';
const NAMES = '/sys/class/block';

/**
 * Gives the whole disks that a block device passes its I/O on to: those of which device mapper or RAID makes it, or that of the
 * file system of a loop device's file, as far as the mounts of this process tell. What cannot be read has none.
 * @param device "major:minor" of a whole disk
 */
export function devicesBelow(device: string): string[] {
  const directory = join(DEVICES, device);
  const slaves = namesIn(join(directory, 'slaves')).flatMap((name) => diskOf(join(directory, 'slaves', name)));
  const file = textOf(join(directory, 'loop/backing_file'));
  const backing = file === null ? [] : backingOf(file.replace(/\n$/, ''));
  return [...new Set([...slaves, ...backing])];
}

/** The path is taken apart, not followed: what it leads to may hang. */
function backingOf(path: string): string[] {
  const mount = mountOf(path, textOf('/proc/self/mountinfo') ?? '');
  if (mount === null) return [];
  if (!mount.device.startsWith('0:')) return diskOf(join(DEVICES, mount.device));
  return namedDisk(mount.source); // btrfs has a number of its own for each file system, and names a device
}

/** The disk behind the name of a device. The name is looked up in sysfs: FUSE lets anybody choose one, and its path may hang. */
function namedDisk(source: string): string[] {
  const [, mapped, name] = /^\/dev\/(mapper\/)?([^/]+)$/.exec(source) ?? [];
  if (name === undefined || name === '.' || name === '..') return [];
  if (mapped === undefined) return diskOf(join(NAMES, name));
  const found = namesIn(NAMES).find((one) => textOf(join(NAMES, one, 'dm/name'))?.trimEnd() === name);
  return found === undefined ? [] : diskOf(join(NAMES, found));
}

/**
 * Finds the mount that a path is on.
 * @param path absolute, without links
 * @param mountinfo see proc(5)
 * @returns its device as "major:minor", and its source
 */
export function mountOf(path: string, mountinfo: string): { device: string; source: string } | null {
  let found: { point: string; device: string; source: string } | null = null;
  for (const line of mountinfo.split('\n')) {
    const fields = line.split(' ');
    const [device = '', point = ''] = [fields[2], unescapeField(fields[4] ?? '')];
    const source = fields[fields.indexOf('-', 6) + 2] ?? '';
    const covers = point === '/' || path === point || path.startsWith(`${point}/`);
    // Of two on the same point the later one hides the other.
    if (point !== '' && covers && point.length >= (found?.point.length ?? 0)) found = { point, device, source };
  }
  return found === null ? null : { device: found.device, source: found.source };
}

/** Spaces and the like are written as `\040`. */
function unescapeField(field: string): string {
  return field.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}

/** The disk of a device of sysfs: of a partition that which it is part of. */
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
