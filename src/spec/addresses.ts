import { isIPv4, SocketAddress } from 'node:net';

/** Turns addresses into numbers and numbers into addresses. Pure. */

/** An IPv4 subnet: its first address as a number, and the length of its prefix. */
export interface Subnet {
  base: number;
  prefix: number;
}

/** Gives the number of an IPv4 address that is written with dots. */
export function ipv4Number(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

export function ipv4Text(number: number): string {
  return [24, 16, 8, 0].map((shift) => (number >>> shift) & 0xff).join('.');
}

/** Parses `10.88.0.0/16`; gives undefined where the text is no subnet, or a bit after the prefix is set. */
export function parseSubnet(text: string): Subnet | undefined {
  const [address = '', length = ''] = text.split('/');
  if (!isIPv4(address) || !/^[0-9]{1,2}$/.test(length) || Number(length) > 32) return undefined;
  const subnet = { base: ipv4Number(address), prefix: Number(length) };
  return subnet.base % sizeOf(subnet) === 0 ? subnet : undefined;
}

/** Gives the number of addresses in a subnet. */
export function sizeOf({ prefix }: Subnet): number {
  return 2 ** (32 - prefix);
}

/** Gives the bytes of an IPv4 or IPv6 address, in network order. */
export function addressBytes(address: string): Uint8Array {
  if (isIPv4(address)) return Uint8Array.from(address.split('.'), Number);
  const number = ipv6Number(address);
  return Uint8Array.from({ length: 16 }, (_, i) => Number((number >> BigInt(8 * (15 - i))) & 0xffn));
}

/** Gives the number of an IPv6 address. */
export function ipv6Number(address: string): bigint {
  const hexadecimal = address.replace(/[0-9]+\.[0-9.]+$/, (ipv4) => {
    const number = ipv4Number(ipv4);
    return `${(number >>> 16).toString(16)}:${(number & 0xffff).toString(16)}`;
  });
  const [head = '', tail] = hexadecimal.split('::');
  const groups = (text: string) => (text === '' ? [] : text.split(':'));
  const missing = tail === undefined ? 0 : 8 - groups(head).length - groups(tail).length;
  const all = [...groups(head), ...Array.from({ length: missing }, () => '0'), ...groups(tail ?? '')];
  return all.reduce((sum, group) => (sum << 16n) | BigInt(`0x${group}`), 0n);
}

/** Writes an IPv6 address in its shortest form (RFC 5952). */
export function ipv6Text(number: bigint): string {
  const groups = Array.from({ length: 8 }, (_, i) => ((number >> BigInt(16 * (7 - i))) & 0xffffn).toString(16));
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}

/**
 * Says whether a text is an IPv6 address without a zone. The function of node:net has a regular expression for it that
 * takes V8 8 ms to compile, and each niwad that starts parses the subnet of its bridge.
 */
function isIpv6(text: string): boolean {
  if (!/^[0-9a-f:.]+$/i.test(text)) return false;
  try {
    return new SocketAddress({ address: text, family: 'ipv6' }).family === 'ipv6';
  } catch {
    return false;
  }
}

/**
 * Parses `fd00:88::/64` and gives its first address as a number; undefined where the text is no IPv6 prefix of 64 bits.
 */
export function parseSubnet6(text: string): bigint | undefined {
  const [address = '', length] = text.split('/');
  if (!isIpv6(address) || length !== '64') return undefined;
  const number = ipv6Number(address);
  return number % 2n ** 64n === 0n ? number : undefined;
}

/** Whether a text is a subnet, such as `10.0.0.0/8`, `fd00::/8` or `192.0.2.7/32`, without a bit after its prefix. */
export function isSubnet(text: string): boolean {
  const [address = '', length = ''] = text.split('/');
  if (isIPv4(address)) return parseSubnet(text) !== undefined;
  if (!isIpv6(address) || !/^[0-9]{1,3}$/.test(length) || Number(length) > 128) return false;
  return ipv6Number(address) % 2n ** BigInt(128 - Number(length)) === 0n;
}
