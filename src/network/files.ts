import { join } from 'node:path';
import { nameServers, words } from '../host/resolv-conf.js';
import type { PlacedFile } from '../plan/root.js';
import type { Network, Spec } from '../protocol/resolved-spec.js';
import { isFound } from './group-records.js';
import type { Lease } from './lease.js';

/** Makes the files below /etc that have the names of a container and of its network. Pure. */

/** The name of such a file below /etc. */
export type FileName = 'hosts' | 'hostname' | 'resolv.conf';

/**
 * Gives the files that a container gets. On the bridge it gets all. Without the bridge it has no name servers, so it
 * gets no `resolv.conf`; it gets `hosts` and `hostname` if it has a network namespace and a root of its own, since that
 * root may not have the name `localhost`. That of an engine has what the engine mounts.
 */
export function fileNames({ network, namespaces, root, oci }: Spec): FileName[] {
  if (oci !== undefined) return [];
  if (network !== null) return ['hosts', 'hostname', 'resolv.conf'];
  const hasOwn = namespaces.network === 'new' && namespaces.mount === 'new' && root.path !== '/';
  return hasOwn ? ['hosts', 'hostname'] : [];
}

/**
 * Gives for each file of a container its place on the host and its place in the container's root.
 * @param directory the directory of the host that has the files
 */
export function placedFiles(spec: Spec, directory: string): PlacedFile[] {
  const isNeeded = spec.network !== null;
  return fileNames(spec).map((name) => ({ source: join(directory, name), target: `/etc/${name}`, isNeeded }));
}

/**
 * Says whether the hosts file of a member of a group has no lines of its own beside its name and address, which the
 * names of the group have, too.
 */
export function hasPlainHosts({ id, hostname, network }: Spec): boolean {
  return hostname === id && isFound(id) && Object.keys(network?.hosts ?? {}).length === 0;
}

/** Gives the lines that every hosts file begins with. */
export function localhostLines(): string {
  return linesOf(LOCALHOST);
}

const LOCALHOST = [
  ['127.0.0.1', 'localhost'],
  ['::1', 'localhost ip6-localhost ip6-loopback'],
];

function linesOf(lines: readonly string[][]): string {
  return lines.map((words) => `${words.join('\t')}\n`).join('');
}

/**
 * Gives the text of each file of a container.
 * @param about.network with a complete `dns`, see {@link dnsOf}. `network` and `lease` are null for a container that is
 * not on the bridge
 */
export function networkFiles(about: {
  hostname: string;
  network: Network | null;
  lease: Lease | null;
}): Record<FileName, string> {
  const { hostname, network, lease } = about;
  const own = lease === null ? ['127.0.0.1'] : [lease.address, ...(lease.address6 === null ? [] : [lease.address6])];
  const lines = [
    ...LOCALHOST,
    ...own.map((address) => [address, hostname]),
    ...Object.entries(network?.hosts ?? {}).map(([name, address]) => [address, name]),
  ];
  return {
    hosts: linesOf(lines),
    hostname: `${hostname}\n`,
    'resolv.conf': network === null ? '' : resolvConfOf(network.dns),
  };
}

/**
 * Fills in the name servers, search domains and options that a spec leaves out, from the host's resolv.conf(5). Only
 * those name servers of the host are taken that a container can reach.
 * @param host the text of the host's resolv.conf
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
