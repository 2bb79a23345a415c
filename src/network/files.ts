import { isIP, isIPv4 } from 'node:net';
import type { Network } from '../spec/network.js';
import type { Spec } from '../spec/spec.js';
import { ipv6Number } from './addresses.js';
import type { Lease } from './lease.js';

/** The files that tell a container of its network: which it gets, and what is in them. Pure. */

/** The name of a file below /etc. */
export type FileName = 'hosts' | 'hostname' | 'resolv.conf';

/**
 * Names the files that a container gets. Without a bridge it asks no name server, and the host's own root knows `localhost`
 * already: only another root has to be told who is who on `lo`.
 */
export function fileNames({ network, namespaces, root }: Spec): FileName[] {
  if (network !== null) return ['hosts', 'hostname', 'resolv.conf'];
  const hasOwn = namespaces.network === 'new' && namespaces.mount === 'new' && root.path !== '/';
  return hasOwn ? ['hosts', 'hostname'] : [];
}

/**
 * Writes the files of a container.
 * @param about.network with its `dns` whole, see {@link dnsOf}; null where it has no place on a bridge, as is `lease`
 */
export function networkFiles(about: {
  hostname: string;
  network: Network | null;
  lease: Lease | null;
}): Record<FileName, string> {
  const { hostname, network, lease } = about;
  const own = lease === null ? ['127.0.0.1'] : [lease.address, ...(lease.address6 === null ? [] : [lease.address6])];
  const lines = [
    ['127.0.0.1', 'localhost'],
    ['::1', 'localhost ip6-localhost ip6-loopback'],
    ...own.map((address) => [address, hostname]),
    ...Object.entries(network?.hosts ?? {}).map(([name, address]) => [address, name]),
  ];
  return {
    hosts: lines.map((words) => `${words.join('\t')}\n`).join(''),
    hostname: `${hostname}\n`,
    'resolv.conf': network === null ? '' : resolvConfOf(network.dns),
  };
}

/**
 * Fills what is left out from the host's own resolv.conf(5); its name servers are those that a container reaches.
 * @param host the text of that file
 * @param hasIpv6 whether the container has IPv6
 */
export function dnsOf(dns: Network['dns'], host: string, hasIpv6: boolean): Network['dns'] {
  return {
    servers: dns.servers ?? nameServers(host, hasIpv6),
    search: dns.search ?? words(host, 'search').at(-1) ?? [],
    options: dns.options ?? words(host, 'options').flat(),
  };
}

function resolvConfOf({ servers, search, options }: Network['dns']): string {
  return [
    ...(servers ?? []).map((server) => `nameserver ${server}\n`),
    ...(search?.length ? [`search ${search.join(' ')}\n`] : []),
    ...(options?.length ? [`options ${options.join(' ')}\n`] : []),
  ].join('');
}

/**
 * Gives the name servers of a resolv.conf(5) that a container reaches: not the host's own loopback, none that is bound to one of
 * the host's interfaces, and of IPv6 only where the container has that.
 */
export function nameServers(text: string, hasIpv6: boolean): string[] {
  return words(text, 'nameserver')
    .map(([server = '']) => server)
    .filter((server) => isIP(server) !== 0 && (hasIpv6 || isIPv4(server)) && !server.includes('%') && !isLocal(server))
    .slice(0, 3);
}

/** Whether an address means whoever uses it: of the loopback, or the unspecified one, which a resolver takes for that. */
function isLocal(address: string): boolean {
  if (isIPv4(address)) return address.startsWith('127.') || address === '0.0.0.0';
  return ipv6Number(address) <= 1n;
}

/** Gives what is behind a keyword, line by line. */
function words(text: string, keyword: string): string[][] {
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([first]) => first === keyword)
    .map(([, ...rest]) => rest);
}
