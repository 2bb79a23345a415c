import { isIP, isIPv4, isIPv6 } from 'node:net';
import { type Static, Type } from 'typebox';
import type { FieldProblem } from '../errors.js';
import { show } from './problems.js';
import { BYTES_PATTERN, parseBytes } from './units.js';

/** The network of a container: its schema, what a schema cannot say, and its defaults. Pure. */

const closed = { additionalProperties: false } as const;
const port = (description: string) =>
  Type.Integer({ minimum: 1, maximum: 65_535, description: `${description}: an integer from 1 to 65535` });
const addressText = (description: string) => Type.String({ maxLength: 45, description });
const HOST_NAME = '^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?$';
const MIN_RATE = 1024;
const Rate = Type.Union(
  [
    Type.Integer({ minimum: MIN_RATE, maximum: 2 ** 40 }),
    Type.Refine(Type.String({ pattern: BYTES_PATTERN }), (text) => {
      const rate = parseBytes(text) ?? 0;
      return rate >= MIN_RATE && rate <= 2 ** 40;
    }),
  ],
  { description: 'bytes a second as an integer, or a string such as "10M", from 1K to 1T' },
);

const PORT_PATTERN = '^((\\[[0-9a-fA-F:.]+\\]|[0-9.]+):)?[0-9]{1,5}:[0-9]{1,5}(/(tcp|udp))?$';
const Port = Type.Union(
  [
    Type.String({ pattern: PORT_PATTERN }),
    Type.Object(
      {
        host: port('the port of the host'),
        container: port('the port in the container'),
        protocol: Type.Optional(
          Type.Union([Type.Literal('tcp'), Type.Literal('udp')], { description: '"tcp" or "udp"' }),
        ),
        hostAddress: Type.Optional(addressText('an address of the host')),
      },
      closed,
    ),
  ],
  {
    description:
      '"[ADDRESS:]PORT:PORT[/udp]", host first, or {"host", "container", "protocol"?: "tcp" or "udp", "hostAddress"?}',
  },
);

export const NetworkSchema = Type.Object(
  {
    mode: Type.Optional(
      Type.Union([Type.Literal('bridge'), Type.Literal('none')], { description: '"bridge" or "none"' }),
    ),
    address: Type.Optional(addressText("an IPv4 address of the node's pool")),
    ports: Type.Optional(Type.Array(Port, { maxItems: 1000, description: 'a list of published ports' })),
    group: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$',
        description: 'a name of 1 to 64 of the characters A-Z a-z 0-9 _ . -',
      }),
    ),
    rate: Type.Optional(
      Type.Object({ in: Type.Optional(Rate), out: Type.Optional(Rate) }, { ...closed, description: '{"in"?, "out"?}' }),
    ),
    linkLocal: Type.Optional(
      Type.Union([Type.Literal('deny'), Type.Literal('allow')], { description: '"deny" or "allow"' }),
    ),
    dns: Type.Optional(
      Type.Object(
        {
          servers: Type.Optional(
            Type.Array(addressText('the address of a name server'), { maxItems: 3, description: 'up to 3 addresses' }),
          ),
          search: Type.Optional(
            Type.Array(Type.String({ pattern: HOST_NAME, description: 'a domain' }), {
              maxItems: 32,
              description: 'a list of domains',
            }),
          ),
          options: Type.Optional(
            Type.Array(Type.String({ pattern: '^[a-z0-9:-]{1,64}$', description: 'an option of resolv.conf(5)' }), {
              maxItems: 16,
              description: 'a list of options of resolv.conf(5)',
            }),
          ),
        },
        { ...closed, description: '{"servers"?, "search"?, "options"?}' },
      ),
    ),
    hosts: Type.Optional(
      Type.Record(Type.String({ pattern: HOST_NAME }), addressText('an address'), {
        ...closed,
        description: 'an object of host names and their addresses',
      }),
    ),
  },
  { ...closed, description: '{"mode"?, "address"?, "ports"?, "group"?, "rate"?, "linkLocal"?, "dns"?, "hosts"?}' },
);

export type NetworkInput = Static<typeof NetworkSchema>;

/** A port of the host that leads to one of the container. */
export interface PublishedPort {
  protocol: 'tcp' | 'udp';
  /** null for all addresses of the host. */
  hostAddress: string | null;
  host: number;
  container: number;
}

/** A place on the bridge, with every default filled in; null is "the node's own" or "no limit". */
export interface Network {
  address: string | null;
  ports: PublishedPort[];
  /** Containers of the same group reach each other; null for none. */
  group: string | null;
  /** Bytes a second, into the container and out of it. */
  rate: { in: number | null; out: number | null };
  /** Whether it reaches link-local addresses, at which clouds give out the credentials of the host. */
  linkLocal: 'deny' | 'allow';
  dns: { servers: string[] | null; search: string[] | null; options: string[] | null };
  /** Names and addresses for /etc/hosts. */
  hosts: Record<string, string>;
}

/** Parses `"[ADDRESS:]PORT:PORT[/udp]"`, an IPv6 address in brackets; of the schema's pattern. */
export function parsePort(text: string): PublishedPort {
  const [numbers = '', protocol = 'tcp'] = text.split('/');
  const words = numbers.split(':');
  const [container, host] = [Number(words.pop()), Number(words.pop())];
  const address = words.join(':').replace(/^\[|\]$/g, '');
  return { protocol: protocol as 'tcp' | 'udp', hostAddress: address === '' ? null : address, host, container };
}

/** Fills in the defaults; null where the container has no network but lo. */
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

/** What the schema cannot say. @param namespace what `namespaces.network` says */
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
    if (isIP(value) === 0)
      yield { path: `network.hosts.${name}`, found: show(value), allowed: 'an IPv4 or IPv6 address' };
}

function* portProblems(ports: NonNullable<NetworkInput['ports']>): Iterable<FieldProblem> {
  const seen = new Set<string>();
  for (const [i, written] of ports.entries()) {
    const problem = (allowed: string) => ({ path: `network.ports[${i}]`, found: show(written), allowed });
    const { protocol, hostAddress, host, container } = normalisePort(written);
    if ([host, container].some((number) => number < 1 || number > 65_535)) yield problem('ports from 1 to 65535');
    if (hostAddress !== null && isIP(hostAddress) === 0) yield problem('an IPv4 or IPv6 address of the host');
    if (hostAddress !== null && isIPv6(hostAddress) && /^[0:]*:0*1$/.test(hostAddress))
      yield problem('127.0.0.1 for the host alone: the kernel leads nothing away from ::1');
    const place = `${protocol} ${hostAddress} ${host}`;
    if (seen.has(place)) yield problem('each port of the host once');
    seen.add(place);
  }
}

function normalisePort(input: NonNullable<NetworkInput['ports']>[number]): PublishedPort {
  if (typeof input === 'string') return parsePort(input);
  const { host, container, protocol = 'tcp', hostAddress = null } = input;
  return { protocol, hostAddress, host, container };
}

function bytesOf(rate: string | number | undefined): number | null {
  return rate === undefined ? null : (parseBytes(rate) ?? null);
}
