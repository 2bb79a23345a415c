import { posix } from 'node:path';
import type { OciConfig, OciResources } from '../plan/oci/config.js';
import { refused, requireWithin } from '../plan/oci/refusal.js';

type Linux = NonNullable<OciConfig['linux']>;

/** What the kernel keeps of the size of a terminal, see struct winsize in ioctl_tty(2). */
export const MAX_CONSOLE = 0xffff;
/** The largest id of a user or a group: -1 is none. */
export const MAX_ID = 0xffff_fffe;
const MAX_MAJOR = 4095;
const MAX_MINOR = 0xf_ffff;

/** Checks the devices of a config. Pure. @throws NiwaError SPEC_INVALID */
export function checkDevices(devices: NonNullable<Linux['devices']>): void {
  for (const [i, { path, type, major, minor, uid = 0, gid = 0 }] of devices.entries()) {
    const place = `linux.devices[${i}]`;
    if (!posix.isAbsolute(path ?? '')) throw refused(`${place}.path`, 'it has to be an absolute path');
    const isPipe = type === 'p';
    requireWithin(isPipe ? (major ?? 0) : major, `${place}.major`, MAX_MAJOR);
    requireWithin(isPipe ? (minor ?? 0) : minor, `${place}.minor`, MAX_MINOR);
    requireWithin(uid, `${place}.uid`, MAX_ID);
    requireWithin(gid, `${place}.gid`, MAX_ID);
  }
}

/** Checks the paths of namespaces, which the OCI wants absolute. Pure. @throws NiwaError SPEC_INVALID */
export function checkNamespaces(namespaces: NonNullable<Linux['namespaces']>): void {
  for (const [i, { path = '' }] of namespaces.entries())
    if (path !== '' && !posix.isAbsolute(path))
      throw refused(`linux.namespaces[${i}].path`, 'it has to be an absolute path');
}

const OF_DEVICES = {
  weightDevice: ['major', 'minor', 'weight'],
  throttleReadBpsDevice: ['major', 'minor', 'rate'],
  throttleWriteBpsDevice: ['major', 'minor', 'rate'],
  throttleReadIOPSDevice: ['major', 'minor', 'rate'],
  throttleWriteIOPSDevice: ['major', 'minor', 'rate'],
} as const;

/** Checks that limits of block devices say of which device, and how much. Pure. @throws NiwaError SPEC_INVALID */
export function checkBlockIo({ blockIO = {} }: OciResources): void {
  for (const [list, needed] of Object.entries(OF_DEVICES) as [keyof typeof OF_DEVICES, readonly string[]][])
    for (const [i, device] of (blockIO[list] ?? []).entries())
      for (const name of needed)
        if (!Object.hasOwn(device, name) && !(name === 'weight' && Object.hasOwn(device, 'leafWeight')))
          throw refused(`linux.resources.blockIO.${list}[${i}].${name}`, 'it is missing');
}
