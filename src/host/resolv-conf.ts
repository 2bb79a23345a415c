import { readFileSync } from 'node:fs';
import { BlockList, isIP, isIPv4 } from 'node:net';

/**
 * Files with name servers. Where systemd-resolved runs, the first names only systemd-resolved, and the second the
 * servers that it asks.
 */
const PATHS = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];

/**
 * Addresses that mean the machine itself: loopback addresses, and the unspecified address, which a resolver takes for
 * loopback.
 */
const OWN = new BlockList();
OWN.addSubnet('127.0.0.0', 8);
OWN.addAddress('0.0.0.0');
OWN.addSubnet('::', 127, 'ipv6'); // :: and ::1

/**
 * Gives the text of the first resolv.conf(5) of the host that names a server which containers reach; else of the first
 * file; "" for none.
 */
export function hostResolvConf(hasIpv6: boolean): string {
  const texts = PATHS.map(readOrEmpty);
  return texts.find((text) => nameServers(text, hasIpv6).length > 0) ?? texts[0] ?? '';
}

/**
 * Gives those name servers of a resolv.conf(5) that a container reaches. Left out are loopback addresses of the host,
 * addresses that are bound to an interface of the host, and, where the container has no IPv6, IPv6 addresses.
 */
export function nameServers(text: string, hasIpv6: boolean): string[] {
  return words(text, 'nameserver')
    .map(([server = '']) => server)
    .filter((server) => isIP(server) !== 0 && (hasIpv6 || isIPv4(server)) && !server.includes('%') && !isOwn(server))
    .slice(0, 3);
}

/** Gives the words after a keyword in a resolv.conf(5): one list for each line that begins with the keyword. */
export function words(text: string, keyword: string): string[][] {
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([first]) => first === keyword)
    .map(([, ...rest]) => rest);
}

function isOwn(address: string): boolean {
  return OWN.check(address, isIPv4(address) ? 'ipv4' : 'ipv6');
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
