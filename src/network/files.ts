import { join } from 'node:path';
import { nameServers, words } from '../host/resolv-conf.js';
import type { PlacedFile } from '../plan/root.js';
import type { Network, Spec } from '../protocol/resolved-spec.js';
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
 * Gives where the files of a container go in its root.
 * @param directory where they are on the host
 */
export function placedFiles(spec: Spec, directory: string): PlacedFile[] {
  const isNeeded = spec.network !== null;
  return fileNames(spec).map((name) => ({ source: join(directory, name), target: `/etc/${name}`, isNeeded }));
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
