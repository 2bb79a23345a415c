import { ipv6Text, sizeOf } from '../spec/addresses.js';
import { type Element, elementText } from './elements.js';
import { devicePrefix, type Segment } from './lease.js';

/**
 * The sets and maps that have elements of containers: for each the family of its table, its kind, its name and its
 * type.
 */
const SETS: [family: Element['family'], kind: 'set' | 'map', name: string, type: string][] = [
  ['bridge', 'set', 'sources4', 'ifname . ether_addr . ipv4_addr'],
  ['bridge', 'set', 'sources6', 'ifname . ether_addr . ipv6_addr'],
  ['inet', 'map', 'ports4', 'ipv4_addr . inet_proto . inet_service : ipv4_addr . inet_service'],
  ['inet', 'map', 'ports6', 'ipv6_addr . inet_proto . inet_service : ipv6_addr . inet_service'],
  ['inet', 'map', 'ports4_any', 'inet_proto . inet_service : ipv4_addr . inet_service'],
  ['inet', 'map', 'ports6_any', 'inet_proto . inet_service : ipv6_addr . inet_service'],
  ['inet', 'map', 'group4', 'ipv4_addr : mark'],
  ['inet', 'map', 'group6', 'ipv6_addr : mark'],
  ['inet', 'set', 'members4', 'ipv4_addr . mark'],
  ['inet', 'set', 'members6', 'ipv6_addr . mark'],
  ['inet', 'set', 'held4', 'ipv4_addr'],
  ['inet', 'set', 'held6', 'ipv6_addr'],
  ['inet', 'set', 'lifted4', 'ipv4_addr'],
  ['inet', 'set', 'lifted6', 'ipv6_addr'],
  ['inet', 'set', 'resolvers4', 'ipv4_addr . ipv4_addr'],
  ['inet', 'set', 'resolvers6', 'ipv6_addr . ipv6_addr'],
];

/**
 * While the rules look at a packet from one container to a published port of another, it has this mark. No other
 * program may use it.
 */
const PUBLISHED_MARK = '0x6e697761';

/** While the rules look at a packet that was redirected to the relay of services, it has this mark. */
export const RELAYED_MARK = '0x6e697762';

/**
 * Addresses of the metadata services of clouds. These give a machine its credentials, so no container may reach them.
 * They are all link-local addresses (RFC 3927, RFC 4291), and further addresses of Alibaba, Azure, Oracle, Amazon and
 * Google.
 */
const METADATA = {
  ip: ['169.254.0.0/16', '100.100.100.200', '168.63.129.16', '192.0.0.192'],
  ip6: ['fe80::/10', 'fd00:ec2::254', 'fd20:ce::254'],
};

/**
 * Writes the rules of a segment as text for `nft -f`: two tables named like the bridge. They replace the tables of
 * these names in one step. Rules do not change when a container comes or goes; only elements of sets do.
 * @param elements the elements of all containers on the bridge
 */
export function ruleset(segment: Segment, elements: readonly Element[]): string {
  const { bridge } = segment;
  return `${removal(bridge)}
table bridge ${bridge} {
${setsOf('bridge', elements)}
${bridgedChains(bridge)}}
table inet ${bridge} {
${setsOf('inet', elements)}
${guardChains(segment)}${publishingChains(segment)}${forwardingChains(segment)}${counting(segment)}${hostChains(segment)}}
`;
}

/** Rules for packets between two ports of the bridge. */
function bridgedChains(bridge: string): string {
  return `\t# A container sends only from its own interface, MAC address and IP address. Its ARP is dropped: niwad
\t# writes the neighbours of the host, so no container can claim the address of another.
\tchain from_container {
\t\ttype filter hook prerouting priority -300; policy accept;
\t\tiifname != "${devicePrefix(bridge)}*" accept
\t\tether type ip iifname . ether saddr . ip saddr @sources4 accept
\t\tether type ip6 iifname . ether saddr . ip6 saddr @sources6 accept
\t\tdrop
\t}
\t# No packet passes from port to port: packets between containers are routed. One exception: where the kernel applies the IP rules
\t# to bridged packets (br_netfilter), packets to a published port of another container are bridged, and have a mark.
\tchain between_ports {
\t\ttype filter hook forward priority -200; policy accept;
\t\tiifname "${devicePrefix(bridge)}*" oifname "${devicePrefix(bridge)}*" meta mark != ${PUBLISHED_MARK} drop
\t}
`;
}

/**
 * Rules for packets from containers before any other rule of the host sees them: none to the host's loopback, none to
 * cloud metadata.
 */
function guardChains(segment: Segment): string {
  const { bridge } = segment;
  const each = eachFamily(segment);
  return `\t# route_localnet is on for the bridge, since the host calls published ports by its loopback. Containers must not use it.
\tchain guard {
\t\ttype filter hook prerouting priority raw; policy accept;
\t\tiifname "${bridge}" ip daddr 127.0.0.0/8 drop
\t}
\t# Before any rule of the host changes the destination. Answers to a connection that came from such an address pass.
\tchain metadata {
\t\ttype filter hook prerouting priority mangle; policy accept;
\t\tiifname != "${bridge}" accept
\t\tct direction reply accept
\t\t${each(({ ip, version }) => `${ip} saddr @lifted${version} accept`)}
\t\t${each(({ ip, version }) => `${ip} saddr . ${ip} daddr @resolvers${version} meta l4proto { tcp, udp } th dport 53 accept`)}
\t\t${each(({ ip }) => `${ip} daddr { ${METADATA[ip].join(', ')} } drop`)}
\t}
`;
}

/** Rules for published ports, and for the source address of packets that leave the host from containers. */
function publishingChains(segment: Segment): string {
  const { bridge } = segment;
  const each = eachFamily(segment);
  return `\tchain publish {
\t\tdnat ip to ip daddr . meta l4proto . th dport map @ports4
\t\tdnat ip to meta l4proto . th dport map @ports4_any
\t\tdnat ip6 to ip6 daddr . meta l4proto . th dport map @ports6
\t\tdnat ip6 to meta l4proto . th dport map @ports6_any
\t}
\tchain from_outside {
\t\ttype nat hook prerouting priority dstnat; policy accept;
\t\tfib daddr type local jump publish
\t}
\tchain to_another {
\t\ttype filter hook prerouting priority -90; policy accept;
\t\t${each(({ ip, subnet }) => `iifname "${bridge}" ct status dnat ${ip} daddr ${subnet} meta mark != ${RELAYED_MARK} meta mark set ${PUBLISHED_MARK}`)}
\t}
\tchain from_host {
\t\ttype nat hook output priority -100; policy accept;
\t\tip6 daddr ::1 accept
\t\tfib daddr type local jump publish
\t}
\tchain masquerading {
\t\ttype nat hook postrouting priority srcnat; policy accept;
\t\toifname "${bridge}" ip saddr 127.0.0.0/8 masquerade
\t\t${each(({ ip, subnet }) => `oifname "${bridge}" ct status dnat ${ip} saddr ${subnet} masquerade`)}
\t\t${each(({ ip, subnet }) => `oifname != { "${bridge}", "lo" } ${ip} saddr ${subnet} masquerade`)}
\t}
`;
}

/** Rules for packets that the host forwards: to containers, from containers, and between containers. */
function forwardingChains(segment: Segment): string {
  const { bridge } = segment;
  const each = eachFamily(segment);
  return `\tchain forward {
\t\ttype filter hook forward priority filter; policy accept;
\t\tiifname != "${bridge}" oifname != "${bridge}" accept
\t\tjump to_container
\t\tct state new jump counted
\t\tiifname "${bridge}" oifname "${bridge}" ct status dnat meta mark set 0 accept
\t\tct state established,related accept
\t\tct status dnat accept
\t\tiifname "${bridge}" oifname "${bridge}" jump between_containers
\t\tiifname "${bridge}" accept
\t\tdrop
\t}
\t# Packets to an address without a holder, and packets of a connection that the kernel does not know, were meant for a container
\t# that has ended. Their sender gets a refusal; the next holder of the address gets none of them.
\tchain to_container {
\t\t${each(({ ip, subnet, gateway, version }) => `${ip} daddr ${subnet} ${ip} daddr != ${gateway} ${ip} daddr != @held${version} goto refused`)}
\t\t${each(({ ip, version }) => `${ip} daddr @held${version} ct state new tcp flags & (fin | syn | rst | ack) != syn goto refused`)}
\t}
\tchain refused {
\t\tmeta l4proto tcp reject with tcp reset
\t\treject with icmpx port-unreachable
\t}
`;
}

/** Rules for packets between containers of one group, and between a container and its host. */
function hostChains(segment: Segment): string {
  const { bridge } = segment;
  return `\tchain between_containers {
\t\tmeta mark set 0
\t\tmeta mark set ip saddr map @group4
\t\tmeta mark set ip6 saddr map @group6
\t\tip daddr . meta mark @members4 accept
\t\tip6 daddr . meta mark @members6 accept
\t\tdrop
\t}
\tchain to_host {
\t\ttype filter hook input priority filter; policy accept;
\t\tiifname != "${bridge}" accept
\t\tct state established,related accept
\t\tct state new jump counted
\t\tmeta mark ${RELAYED_MARK} ct status dnat meta mark set 0 accept
\t\ticmp type echo-request accept
\t\ticmpv6 type { echo-request, nd-neighbor-solicit, nd-neighbor-advert } accept
\t\tdrop
\t}
\tchain host_to_container {
\t\ttype filter hook output priority filter; policy accept;
\t\tjump to_container
\t}
\t# The gateway is the only way out of a container. The host must not tell it of a shorter one.
\tchain no_redirects {
\t\ttype filter hook output priority filter; policy accept;
\t\toifname "${bridge}" icmp type redirect drop
\t\toifname "${bridge}" icmpv6 type nd-redirect drop
\t}
`;
}

/** Gives a function that writes a rule once for each address family of the segment, a line each. */
function eachFamily(segment: Segment): (rule: (family: Family) => string) => string {
  return (rule) => familiesOf(segment).map(rule).join('\n\t\t');
}

/** Writes the commands that remove the tables of a bridge. It is no error where the tables do not exist. */
export function removal(bridge: string): string {
  return ['bridge', 'inet']
    .map((family) => `add table ${family} ${bridge}\ndelete table ${family} ${bridge}\n`)
    .join('');
}

/** The words that differ between the rules for IPv4 and those for IPv6. A segment without IPv6 has IPv4 alone. */
interface Family {
  ip: 'ip' | 'ip6';
  subnet: string;
  gateway: string;
  version: 4 | 6;
}

function familiesOf({ subnetText, gateway, subnet6, gateway6 }: Segment): Family[] {
  const ipv4 = { ip: 'ip', subnet: subnetText, gateway, version: 4 } as const;
  if (subnet6 === null || gateway6 === null) return [ipv4];
  return [ipv4, { ip: 'ip6', subnet: `${ipv6Text(subnet6)}/64`, gateway: gateway6, version: 6 }];
}

/**
 * Limits how many connections of a container the kernel tracks, whichever side begins them. The whole host has one
 * table of connections, whose size is limited: without the rule, one container could fill it.
 */
function counting(segment: Segment): string {
  const { bridge, subnet, connectionsPerContainer: most } = segment;
  const families = most === 0 ? [] : familiesOf(segment);
  const sets = families.map(
    ({ version }) =>
      `\tset connections${version} {\n\t\ttype ipv${version}_addr;\n\t\tsize ${sizeOf(subnet)};\n\t\tflags dynamic;\n\t}\n`,
  );
  const rules = families.map(
    ({ ip, version }) =>
      `\t\tiifname "${bridge}" add @connections${version} { ${ip} saddr ct count over ${most} } drop
\t\toifname "${bridge}" add @connections${version} { ${ip} daddr ct count over ${most} } drop\n`,
  );
  return `${sets.join('')}\tchain counted {\n${rules.join('')}\t}\n`;
}

function setsOf(family: Element['family'], elements: readonly Element[]): string {
  return SETS.filter(([of]) => of === family)
    .map(([, kind, name, type]) => {
      const texts = elements.filter((element) => element.set === name).map(elementText);
      const list = texts.length === 0 ? '' : `\t\telements = { ${texts.join(', ')} }\n`;
      return `\t${kind} ${name} {\n\t\ttype ${type};\n${list}\t}`;
    })
    .join('\n');
}
