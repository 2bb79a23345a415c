import { isIP, isIPv4, isIPv6 } from 'node:net';
import type { FieldProblem } from '../protocol/errors.js';
import type { Network, PublishedPort } from '../protocol/resolved-spec.js';
import type { NetworkInput } from '../protocol/spec.js';
import { show } from './problems.js';
import { sizeBytes } from './quantities.js';

/** The network of a container: the problems that a schema cannot find, and the defaults. Pure. */

/** In place of a port of the host: niwad chooses a free one. */
export const ANY_PORT = 0;
/** In place of an address in `hosts`: the address of the host on the bridge. */
export const HOST_GATEWAY = 'host-gateway';

/**
 * Parses `"[[ADDRESS:][PORT]:]PORT[/udp]"`, an IPv6 address in brackets. Without a port of the host it is
 * {@link ANY_PORT}.
 * @param text of the form that the schema allows
 */
export function parsePort(text: string): PublishedPort {
  const [numbers = '', protocol = 'tcp'] = text.split('/');
  const words = numbers.split(':');
  const [container, host] = [Number(words.pop()), Number(words.pop() ?? ANY_PORT)];
  const address = words.join(':').replace(/^\[|\]$/g, '');
  return { protocol: protocol as 'tcp' | 'udp', hostAddress: address === '' ? null : address, host, container };
}

/** Fills in the defaults; gives null where the container gets no interface but lo. */
export function normaliseNetwork(input: NetworkInput | undefined): Network | null {
  if (input === undefined || input.mode === 'none') return null;
  const { rate = {}, dns = {} } = input;
  return {
    address: input.address ?? null,
    ports: (input.ports ?? []).map(normalisePort),
    group: input.group ?? null,
    rate: { in: bytesOf(rate.in), out: bytesOf(rate.out) },
    linkLocal: input.linkLocal ?? 'deny',
    dns: { servers: dns.servers ?? null, search: dns.search ?? null, options: dns.options ?? null },
    hosts: input.hosts ?? {},
  };
}

/** Finds the problems of a network that a schema cannot find. @param namespace the value of `namespaces.network` */
export function* networkProblems(input: NetworkInput | undefined, namespace: string): Iterable<FieldProblem> {
  if (input === undefined) return;
  const { mode = 'bridge', address, dns, hosts = {} } = input;
  if (mode === 'bridge' && namespace !== 'new')
    yield {
      path: 'network',
      found: show(input),
      allowed: 'nothing, or namespaces.network "new": the network of others is taken as it is',
    };
  if (mode === 'none' && Object.keys(input).length > 1)
    yield { path: 'network', found: show(input), allowed: 'nothing beside mode "none", or mode "bridge"' };
  if (address !== undefined && !isIPv4(address))
    yield { path: 'network.address', found: show(address), allowed: 'an IPv4 address such as "10.88.0.5"' };
  yield* portProblems(input.ports ?? []);
  for (const [i, server] of (dns?.servers ?? []).entries())
    if (isIP(server) === 0)
      yield { path: `network.dns.servers[${i}]`, found: show(server), allowed: 'an IPv4 or IPv6 address' };
  for (const [name, value] of Object.entries(hosts))
    if (isIP(value) === 0 && value !== HOST_GATEWAY)
      yield {
        path: `network.hosts.${name}`,
        found: show(value),
        allowed: `an IPv4 or IPv6 address, or "${HOST_GATEWAY}"`,
      };
}

function* portProblems(ports: NonNullable<NetworkInput['ports']>): Iterable<FieldProblem> {
  const seen = new Set<string>();
  for (const [i, written] of ports.entries()) {
    const problem = (allowed: string) => ({ path: `network.ports[${i}]`, found: show(written), allowed });
    const { protocol, hostAddress, host, container } = normalisePort(written);
    const named = isNamed(written) ? [host, container] : [container];
    if (named.some((number) => number < 1 || number > 65_535)) yield problem('ports from 1 to 65535');
    if (hostAddress !== null && isIP(hostAddress) === 0) yield problem('an IPv4 or IPv6 address of the host');
    if (hostAddress !== null && isIPv6(hostAddress) && /^[0:]*:0*1$/.test(hostAddress))
      yield problem('127.0.0.1 for the host alone: the kernel leads nothing away from ::1');
    const place = `${protocol} ${hostAddress} ${host}`;
    if (host !== ANY_PORT && seen.has(place)) yield problem('each port of the host once');
    seen.add(place);
  }
}

/** Says whether the port of the host is written, even as a wrong 0. */
function isNamed(port: NonNullable<NetworkInput['ports']>[number]): boolean {
  return typeof port === 'string' ? /[0-9]:[0-9]+(\/|$)/.test(port) : port.host !== undefined;
}

function normalisePort(input: NonNullable<NetworkInput['ports']>[number]): PublishedPort {
  if (typeof input === 'string') return parsePort(input);
  const { host = ANY_PORT, container, protocol = 'tcp', hostAddress = null } = input;
  return { protocol, hostAddress, host, container };
}

function bytesOf(rate: string | number | undefined): number | null {
  return rate === undefined ? null : sizeBytes(rate);
}
