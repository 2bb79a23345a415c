import { ipv4Number, ipv4Text, ipv6Text, parseSubnet, parseSubnet6, type Subnet } from '../spec/addresses.js';
import { invalid, show } from '../spec/problems.js';
import { macOf } from './mac.js';
import { GATEWAY } from './pool.js';

/** The settings of a node's bridge. */
export interface NetworkSettings {
  bridge: string;
  subnet: string;
  /** null for a bridge without IPv6. */
  subnet6: string | null;
  mtu: number;
  /** How many connections of one container the kernel tracks at once; 0 for no limit. */
  connectionsPerContainer: number;
}

/** The bridge of a node with its subnets. The leases of containers are derived from it. */
export interface Segment {
  bridge: string;
  subnet: Subnet;
  subnetText: string;
  /** The first address of the IPv6 subnet, whose prefix has 64 bits; null without IPv6. */
  subnet6: bigint | null;
  mtu: number;
  connectionsPerContainer: number;
  gateway: string;
  gateway6: string | null;
  mac: string;
  /** A text that differs for each node and each bridge; MAC addresses are derived from it. */
  name: string;
  /** Whether the kernel has IPv6. The segment may have none all the same. */
  kernelIpv6: boolean;
}

/** The addresses and interfaces of one container. Its saved state has them, so that the next niwad takes them over. */
export interface Lease {
  bridge: string;
  /** The name of the interface on the host: one end of the veth pair. */
  device: string;
  address: string;
  address6: string | null;
  /** The MAC address of eth0 in the container, and that of the interface on the host. */
  mac: string;
  hostMac: string;
}

/**
 * Makes a segment of settings that were checked.
 * @param node a name for this machine, such as its machine-id
 * @param kernelIpv6 whether the kernel has IPv6
 * @throws NiwaError SPEC_INVALID where a text is no subnet
 */
export function segmentOf(
  { bridge, subnet, subnet6, mtu, connectionsPerContainer }: NetworkSettings,
  node: string,
  kernelIpv6: boolean,
): Segment {
  const parsed = requireSubnet('subnet', subnet, parseSubnet);
  const base6 = subnet6 === null || !kernelIpv6 ? null : requireSubnet('subnet6', subnet6, parseSubnet6);
  const name = `${node} ${bridge}`;
  return {
    bridge,
    subnet: parsed,
    subnetText: subnet,
    subnet6: base6,
    mtu,
    connectionsPerContainer,
    gateway: ipv4Text(parsed.base + GATEWAY),
    gateway6: base6 === null ? null : ipv6Text(base6 + BigInt(GATEWAY)),
    mac: macOf(name, parsed.base + GATEWAY, 'container'),
    name,
    kernelIpv6,
  };
}

function requireSubnet<T>(setting: string, text: string, parse: (text: string) => T | undefined): T {
  const subnet = parse(text);
  if (subnet === undefined)
    throw invalid('the configuration', [{ path: `network.${setting}`, found: show(text), allowed: 'a subnet' }]);
  return subnet;
}

/** Makes the lease of the container that gets an IPv4 address of the segment. */
export function leaseOf(segment: Segment, address: string): Lease {
  const number = ipv4Number(address);
  const place = number - segment.subnet.base;
  return {
    bridge: segment.bridge,
    device: `${devicePrefix(segment.bridge)}${place.toString(16)}`,
    address,
    address6: segment.subnet6 === null ? null : ipv6Text(segment.subnet6 + BigInt(place)),
    mac: macOf(segment.name, number, 'container'),
    hostMac: macOf(segment.name, number, 'port'),
  };
}

/** Gives the beginning of the names of all interfaces that niwad makes on the host for containers of a bridge. */
export function devicePrefix(bridge: string): string {
  return `${bridge}v`;
}
