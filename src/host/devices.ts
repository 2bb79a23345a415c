import { statSync } from 'node:fs';
import { messageOf, NiwaError } from '../errors.js';

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
    if (status.isBlockDevice()) return `${major(status.rdev)}:${minor(status.rdev)}`;
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

/** The layout of dev_t, see makedev(3). */
function major(device: number): number {
  return (device >>> 8) & 0xfff;
}
function minor(device: number): number {
  return (device & 0xff) | ((device >>> 12) & 0xfff00);
}
