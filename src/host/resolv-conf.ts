import { readFileSync } from 'node:fs';
import { BlockList, isIP, isIPv4 } from 'node:net';

/** Where systemd-resolved says which name servers it asks, as resolv.conf then names only itself. */
const PATHS = ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf'];

/** Addresses of the machine that uses them: the loopback, and the unspecified address, which a resolver takes for the loopback. */
const OWN = new BlockList();
OWN.addSubnet('127.0.0.0', 8);
OWN.addAddress('0.0.0.0');
OWN.addSubnet('::', 127, 'ipv6'); // :: and ::1

/** Gives the host's own resolv.conf(5), the one of those there are that names servers which a container reaches; "" for none. */
export function hostResolvConf(hasIpv6: boolean): string {
  const texts = PATHS.map(readOrEmpty);
  return texts.find((text) => nameServers(text, hasIpv6).length > 0) ?? texts[0] ?? '';
}

/**
 * Gives the name servers of a resolv.conf(5) that a container reaches: not the host's own loopback, none that is bound to one of
 * the host's interfaces, and of IPv6 only where the container has that.
 */
export function nameServers(text: string, hasIpv6: boolean): string[] {
  return words(text, 'nameserver')
    .map(([server = '']) => server)
    .filter((server) => isIP(server) !== 0 && (hasIpv6 || isIPv4(server)) && !server.includes('%') && !isOwn(server))
    .slice(0, 3);
}

/** Gives the words behind a keyword of a resolv.conf(5), a list for each line that begins with it. */
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
