import { statSync } from 'node:fs';
import { messageOf, NiwaError } from '../errors.js';
import type { DeviceRule } from '../plan/devices.js';
import { refuse } from '../spec/problems.js';

/**
 * Gives the "major:minor" of each block device that `io` limits name by path. The kernel limits whole disks, not partitions:
 * io.max refuses those itself.
 * @throws NiwaError SPEC_INVALID where a path is no block device
 */
export function resolveDevices(io: readonly { device: string }[]): Record<string, string> {
  return Object.fromEntries(
    io.map(({ device }, i) => [
      device,
      device.startsWith('/') ? numberOf(device, `resources.io[${i}].device`) : device,
    ]),
  );
}

function numberOf(path: string, field: string): string {
  let found = 'no block device';
  try {
    const status = statSync(path);
    if (status.isBlockDevice()) return numberOfDevice(status.rdev);
  } catch (error) {
    found = messageOf(error);
  }
  const problem = {
    path: field,
    found: `"${path}" (${found})`,
    allowed: 'a block device such as "/dev/vda" or "254:0"',
  };
  throw new NiwaError('SPEC_INVALID', `${field}: found ${problem.found}; allowed: ${problem.allowed}`, {
    details: { problems: [problem] },
  });
}

/**
 * Gives the number of each device that a spec names beside the usual ones.
 * @throws NiwaError SPEC_INVALID where a path is no device
 */
export function resolveDeviceNodes(paths: readonly string[]): DeviceRule[] {
  return paths.map((path, i) => {
    const status = statSync(path, { throwIfNoEntry: false });
    if (status === undefined || !(status.isCharacterDevice() || status.isBlockDevice()))
      refuse('the spec', [
        { path: `devices[${i}]`, found: `"${path}" (no device)`, allowed: 'a device of the host such as "/dev/fuse"' },
      ]);
    const { rdev = 0 } = status ?? {};
    return { type: status?.isBlockDevice() ? 'b' : 'c', major: major(rdev), minor: minor(rdev) };
  });
}

/** Gives a dev_t as "major:minor". */
export function numberOfDevice(device: number): string {
  return `${major(device)}:${minor(device)}`;
}

/** The layout of dev_t, see makedev(3). */
function major(device: number): number {
  return (device >>> 8) & 0xfff;
}
function minor(device: number): number {
  return (device & 0xff) | ((device >>> 12) & 0xfff00);
}
