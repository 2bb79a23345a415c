import { createHash } from 'node:crypto';

/**
 * The kinds of interfaces on a segment. Two interfaces of one kind never belong to the same IPv4 address, so their MAC addresses
 * differ.
 */
export type MacKind = 'container' | 'port';

/**
 * Derives the MAC address of an interface: locally administered, unicast, 13 bits of the node and segment, one for its kind,
 * and all 32 of the IPv4 address (of the container's for both ends of its pair, of the gateway's for the bridge).
 * @param segment names the segment, such as the machine's id and the name of the bridge
 * @param address the IPv4 address as a number
 */
export function macOf(segment: string, address: number, kind: MacKind): string {
  const [first = 0, second = 0] = createHash('sha256').update(segment).digest();
  const bits = (first & 0xf8) | (kind === 'port' ? 0x04 : 0) | 0x02;
  const bytes = [bits, second, ...[24, 16, 8, 0].map((shift) => (address >>> shift) & 0xff)];
  return bytes.map((byte) => byte.toString(16).padStart(2, '0')).join(':');
}
