import type { OciConfig } from './config.js';
import { refused } from './refusal.js';

const MOST_DEVICES = 64;
/** A name as the kernel takes it: at most 15 bytes. */
const NAME = /^[^\s/:%]{1,15}$/;
/** The kernel finds a number for `%d`. */
const TEMPLATE = /^(?=.{1,15}$)[^\s/:%]+(%d)?[^\s/:%]*$/;

const isName = (name: string, form: RegExp) =>
  form.test(name) && Buffer.byteLength(name) <= 15 && name !== '.' && name !== '..';

/**
 * Gives the words by which the command moves network devices into the namespace of the container, `NAME:NEW NAME`.
 * @throws NiwaError SPEC_INVALID for a wrong name, and where the container has no network namespace of its own
 */
export function netDeviceWords({ netDevices = {}, namespaces = [] }: NonNullable<OciConfig['linux']>) {
  const devices = Object.entries(netDevices);
  const field = 'linux.netDevices';
  if (devices.length > MOST_DEVICES) throw refused(field, `at most ${MOST_DEVICES} are supported`);
  if (devices.length > 0 && !namespaces.some(({ type }) => type === 'network'))
    throw refused(field, 'linux.namespaces needs one of type network, into which the devices move');
  return devices.map(([device, { name = '' }]) => {
    if (!isName(device, NAME)) throw refused(`${field} ${JSON.stringify(device)}`, 'this is no name of a device');
    if (name !== '' && !isName(name, TEMPLATE))
      throw refused(`${field}[${JSON.stringify(device)}].name`, 'this is no name of a device');
    return ['net-device', `${device}:${name}`] as const;
  });
}
