import type { DeviceRule } from '../plan/devices.js';
import { invalid } from '../spec/problems.js';
import type { Errand } from './errands.js';
import { type Asker, reach } from './reach.js';

/** The device numbers of the devices that a spec names. */
export interface DeviceNumbers {
  /** For each block device that the `io` limits name, its "major:minor". */
  devices: Record<string, string>;
  /** The number of each device that the spec has in `devices`. */
  deviceNodes: DeviceRule[];
}

/**
 * Looks up the numbers of all devices that a spec names.
 * @throws NiwaError SPEC_INVALID where a path names no device; what reach() throws
 */
export async function deviceNumbers(
  spec: { devices: readonly string[]; resources: { io: readonly { device: string }[] } },
  asker: Asker,
): Promise<DeviceNumbers> {
  const devices = await resolveDevices(spec.resources.io, asker);
  return { devices, deviceNodes: await resolveDeviceNodes(spec.devices, asker) };
}

/**
 * Gives the "major:minor" of each block device that the `io` limits name by path. The kernel limits whole disks only;
 * the write to io.max fails for a partition.
 * @throws NiwaError SPEC_INVALID where a path names no block device; what reach() throws
 */
export async function resolveDevices(io: readonly { device: string }[], asker: Asker): Promise<Record<string, string>> {
  const paths = io.map(({ device }) => device).filter((device) => device.startsWith('/'));
  const found = await look(paths, asker);
  const numberOf = (device: string, i: number) => {
    const rule = found[paths.indexOf(device)];
    if (rule?.type === 'b') return `${rule.major}:${rule.minor}`;
    const path = `resources.io[${i}].device`;
    const allowed = 'a block device such as "/dev/vda" or "254:0"';
    throw invalid('the spec', [{ path, found: `"${device}" (no block device)`, allowed }]);
  };
  return Object.fromEntries(io.map(({ device }, i) => [device, device.startsWith('/') ? numberOf(device, i) : device]));
}

async function resolveDeviceNodes(paths: readonly string[], asker: Asker): Promise<DeviceRule[]> {
  const found = await look(paths, asker);
  return found.map((rule, i) => {
    if (rule !== undefined) return rule;
    const problem = { path: `devices[${i}]`, found: `"${paths[i]}" (no device)` };
    throw invalid('the spec', [{ ...problem, allowed: 'a device of the host such as "/dev/fuse"' }]);
  });
}

/** Gives the device number of each path; undefined for a path that names no device. */
async function look(paths: readonly string[], asker: Asker): Promise<(DeviceRule | undefined)[]> {
  const errands = paths.map((path): Errand => ['device', path]);
  return (await reach(asker, errands)).map(({ body }) => {
    const [, type, major, minor] = /^([bc]) ([0-9]+):([0-9]+)$/.exec(body.toString()) ?? [];
    return type === undefined ? undefined : { type: type as 'b' | 'c', major: Number(major), minor: Number(minor) };
  });
}

/** Writes a device number (dev_t) as "major:minor". */
export function numberOfDevice(device: number): string {
  return `${major(device)}:${minor(device)}`;
}

/** How major and minor are in a dev_t: see makedev(3). */
function major(device: number): number {
  return (device >>> 8) & 0xfff;
}
function minor(device: number): number {
  return (device & 0xff) | ((device >>> 12) & 0xfff00);
}
