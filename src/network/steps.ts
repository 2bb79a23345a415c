import {
  addElements,
  address,
  awaitCarrier,
  count,
  defaultRoute,
  deleteLink,
  forgetFlows,
  forgetNeighbour,
  hairpin,
  INSIDE,
  linkRoute,
  makeBridge,
  makeVeth,
  type NetworkStep,
  neighbour,
  optional,
  quiet,
  rate,
  removeElements,
  up,
} from '../plan/network.js';
import type { Network } from '../protocol/resolved-spec.js';
import { ANY_PORT } from '../spec/network.js';
import { elementsOf, encodeElement } from './elements.js';
import type { Lease, Segment } from './lease.js';

/** Makes the lists of steps that make the bridge, connect a container, and disconnect it. Pure. */

/** Gives the steps that make the bridge of a segment, with the addresses of the gateway on it. */
export function bridgeSteps(segment: Segment): NetworkStep[] {
  const on = { device: segment.bridge };
  return [
    makeBridge(segment.bridge, segment.mac),
    address(on, segment.gateway, segment.subnet.prefix),
    ...(segment.gateway6 === null ? [] : [address(on, segment.gateway6, 64)]),
  ];
}

/**
 * Gives the steps that connect a container. Its addresses have the prefix /32 or /128: so all its packets go to the
 * gateway, where the rules are applied to them.
 * @param group the number of its group; null where it is in no group
 */
export function attachSteps(segment: Segment, lease: Lease, network: Network, group: number | null): NetworkStep[] {
  const { bridge, device, mac, hostMac } = lease;
  const port = { device };
  const { in: inwards, out: outwards } = network.rate;
  const families = [
    { own: lease.address, gateway: segment.gateway, prefix: 32 },
    ...(lease.address6 === null || segment.gateway6 === null
      ? []
      : [{ own: lease.address6, gateway: segment.gateway6, prefix: 128 }]),
  ];
  const elements = elementsOf(lease, network, group).map((element) => encodeElement(bridge, element));
  return [
    makeVeth(device, { bridge, mac: hostMac, peerMac: mac, mtu: segment.mtu }),
    hairpin(device),
    ...families.map(({ own }) => neighbour({ device: bridge }, own, mac)),
    ...(segment.kernelIpv6 ? [quiet(INSIDE)] : []),
    up(INSIDE),
    ...families.flatMap(({ own, gateway, prefix }) => [
      address(INSIDE, own, prefix),
      linkRoute(INSIDE, gateway),
      neighbour(INSIDE, gateway, segment.mac),
      defaultRoute(INSIDE, gateway),
    ]),
    ...(inwards === null ? [] : [rate(port, inwards)]),
    ...(outwards === null ? [] : [rate(INSIDE, outwards)]),
    ...[port, INSIDE, { device: bridge }].map(awaitCarrier), // the bridge gets its carrier from its first port
    count(),
    addElements(ruleText(network, segment), elements),
    ...network.ports.filter(({ protocol }) => protocol === 'udp').map(({ host }) => forgetFlows(host)),
  ];
}

/** Gives the steps that disconnect a container. All of them are optional: a part may be gone already. */
export function detachSteps(lease: Lease, network: Network, group: number | null): NetworkStep[] {
  const { bridge, device, address: own, address6 } = lease;
  const elements = elementsOf(lease, network, group).map((element) => encodeElement(bridge, element));
  return [
    removeElements(elements),
    deleteLink(device),
    ...[own, ...(address6 === null ? [] : [address6])].map((address) => forgetNeighbour({ device: bridge }, address)),
  ].map(optional);
}

function ruleText({ ports, group, linkLocal }: Network, { connectionsPerContainer: most }: Segment): string {
  const published = ports.map(
    ({ protocol, hostAddress, host, container }) =>
      `${hostAddress === null ? '' : `${hostAddress}:`}${host === ANY_PORT ? 'a free port' : host} to ${container}/${protocol}`,
  );
  const words = [
    'let it send from its own addresses',
    ...(published.length === 0 ? [] : [`publish ${published.join(', ')}`]),
    ...(group === null ? [] : [`join the group ${group}`]),
    linkLocal === 'allow' ? 'let it reach link-local addresses' : 'drop what it sends to link-local addresses',
    ...(most === 0 ? [] : [`bound its connections to ${most}`]),
  ];
  return words.join('; ');
}
