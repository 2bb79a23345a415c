import { createHash } from 'node:crypto';

/**
 * The kinds of interfaces on a segment. No two interfaces of the same kind belong to the same IPv4 address. MAC
 * addresses are made of kind and address, so no two are equal.
 */
export type MacKind = 'container' | 'port';

/**
 * Gives the MAC address of an interface: locally administered, unicast, 13 bits of a hash of the node and the segment,
 * one bit for the kind, and the 32 bits of an IPv4 address. For both ends of a veth pair this is the container's
 * address, for the bridge the gateway's.
 * @param segment a name for the segment, such as the machine's id and the name of the bridge
 * @param address the IPv4 address as a number
 */
export function macOf(segment: string, address: number, kind: MacKind): string {
  const [first = 0, second = 0] = createHash('sha256').update(segment).digest();
  const bits = (first & 0xf8) | (kind === 'port' ? 0x04 : 0) | 0x02;
  const bytes = [bits, second, ...[24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff)];
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
