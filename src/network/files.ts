import { join } from 'node:path';
import { nameServers, words } from '../host/resolv-conf.js';
import type { PlacedFile } from '../plan/root.js';
import type { Network, Spec } from '../protocol/resolved-spec.js';
import type { Lease } from './lease.js';

/** The files below /etc with the names of a container and of its network. Pure. */

/** The name of a file below /etc. */
export type FileName = 'hosts' | 'hostname' | 'resolv.conf';

/**
 * Gives the files that a container gets. On the bridge: all. Without a bridge it has no name servers; with a network namespace and a root
 * of its own it gets `hosts` and `hostname`, since nobody knows whether that root names `localhost`.
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
 * @param about.network with a complete `dns`, see {@link dnsOf}; null, as is `lease`, for a container that is not on the bridge
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
 * Completes the name servers, search domains and options of a spec from the host's resolv.conf(5); of its name servers it takes those
 * that a container can reach.
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
