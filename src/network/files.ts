import { isIP, isIPv4 } from 'node:net';
import type { Network } from '../spec/network.js';
import type { Spec } from '../spec/spec.js';
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
 * @param network null where it has no place on a bridge, as is `lease`
 * @param resolvConf the text of the host's own resolv.conf
 */
export function networkFiles(
  { hostname, network, lease }: { hostname: string; network: Network | null; lease: Lease | null },
  resolvConf: string,
): Record<FileName, string> {
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
    'resolv.conf': network === null ? '' : resolvConfOf(network.dns, resolvConf),
  };
}

/** What is left out is the host's; its name servers are those that a container reaches. */
function resolvConfOf(dns: Network['dns'], host: string): string {
  const servers = dns.servers ?? nameServers(host);
  const search = dns.search ?? words(host, 'search').at(-1) ?? [];
  const options = dns.options ?? words(host, 'options').flat();
  return [
    ...servers.map((server) => `nameserver ${server}\n`),
    ...(search.length === 0 ? [] : [`search ${search.join(' ')}\n`]),
    ...(options.length === 0 ? [] : [`options ${options.join(' ')}\n`]),
  ].join('');
}

/** Gives the name servers of a resolv.conf(5) that are not the host's own loopback or bound to one of its interfaces. */
export function nameServers(text: string): string[] {
  const isOwn = (address: string) => (isIPv4(address) ? address.startsWith('127.') : address === '::1');
  return words(text, 'nameserver')
    .map(([server = '']) => server)
    .filter((server) => isIP(server) !== 0 && !server.includes('%') && !isOwn(server))
    .slice(0, 3);
}

/** Gives what is behind a keyword, line by line. */
function words(text: string, keyword: string): string[][] {
  return text
    .split('\n')
    .map((line) => line.trim().split(/\s+/))
    .filter(([first]) => first === keyword)
    .map(([, ...rest]) => rest);
}
