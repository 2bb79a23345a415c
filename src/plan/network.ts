/**
 * The steps that connect a container; each has a constructor. A step has the fields that native/addon/network.cc reads,
 * and words for people. niwad runs the steps by netlink while the boot program waits for the start.
 */

/** An element of a set or map of nftables; its bytes are in network order. */
export interface SetElement {
  /** The number of the table's family, NFPROTO_*. */
  family: number;
  table: string;
  set: string;
  key: Uint8Array;
  /** The last key of an interval. */
  keyEnd?: Uint8Array;
  /** In a map, the value that belongs to the key. */
  data?: Uint8Array;
  /** In a map of verdicts, the chain to go to. */
  chain?: string;
}

/** An interface: in niwad's network namespace or, with `inside`, in the container's. */
export interface Interface {
  device: string;
  inside?: boolean;
}

/** The fields of every step. If an `optional` step fails, the next step is done all the same. */
type StepOf<Operation extends string, Fields> = Readonly<
  { operation: Operation; text: string; optional?: boolean } & Fields
>;

/**
 * One step: the operation, its words for people, and the fields that native/addon/network.cc reads for this operation.
 */
export type NetworkStep =
  | StepOf<'bridge', { device: string; mac: string }>
  | StepOf<'veth', { device: string; bridge: string; mac: string; peerMac: string; number: number }>
  | StepOf<'hairpin' | 'delete', { device: string }>
  | StepOf<'quiet' | 'up' | 'carrier', Interface>
  | StepOf<'address', Interface & { address: string; number: number }>
  | StepOf<'route', Interface & ({ address: string } | { gateway: string })>
  | StepOf<'neighbour', Interface & { address: string; mac: string; add?: false }>
  | StepOf<'rate', Interface & { bytesPerSecond: number }>
  | StepOf<'count', { inside: true }>
  | StepOf<'elements', { elements: readonly SetElement[]; add?: false }>
  | StepOf<'forget', { number: number }>;

/** The name of the interface in the container. */
export const INSIDE: Interface = { device: 'eth0', inside: true };

const where = ({ device, inside = false }: Interface) => `${device}${inside ? ' in the container' : ''}`;

export const makeBridge = (device: string, mac: string): NetworkStep => ({
  operation: 'bridge',
  text: `make the bridge ${device} (${mac})`,
  device,
  mac,
});

/** Makes a veth pair. One end is on the host, connected to the bridge; the other end is eth0 in the container. */
export const makeVeth = (
  device: string,
  options: { bridge: string; mac: string; peerMac: string; mtu: number },
): NetworkStep => ({
  operation: 'veth',
  text: `make the veth pair ${device} on ${options.bridge} and eth0 in the container (${options.peerMac}, mtu ${options.mtu})`,
  device,
  bridge: options.bridge,
  mac: options.mac,
  peerMac: options.peerMac,
  number: options.mtu,
});

/**
 * Lets the bridge send a packet back through the port by which it came. A container that calls its own published port
 * needs this where the kernel applies IP rules to bridged packets (br_netfilter). The rules drop all other packets
 * between ports.
 */
export const hairpin = (device: string): NetworkStep => ({
  operation: 'hairpin',
  text: `let ${device} have back what its own published ports are sent`,
  device,
});

/** Stops the kernel from giving an interface an IPv6 link-local address by itself. */
export const quiet = (on: Interface): NetworkStep => ({
  operation: 'quiet',
  text: `no address of its own making on ${where(on)}`,
  ...on,
});

export const up = (on: Interface): NetworkStep => ({ operation: 'up', text: `set ${where(on)} up`, ...on });

export const address = (on: Interface, value: string, prefix: number): NetworkStep => ({
  operation: 'address',
  text: `give ${where(on)} the address ${value}/${prefix}`,
  ...on,
  address: value,
  number: prefix,
});

/** Adds a route: the address is reached directly through the interface, without a gateway. */
export const linkRoute = (on: Interface, value: string): NetworkStep => ({
  operation: 'route',
  text: `route to ${value} over ${where(on)}`,
  ...on,
  address: value,
});

export const defaultRoute = (on: Interface, gateway: string): NetworkStep => ({
  operation: 'route',
  text: `default route by ${gateway} over ${where(on)}`,
  ...on,
  gateway,
});

/**
 * Tells the kernel the MAC address for an IP address. Else the kernel would ask on the bridge, and any container could
 * answer.
 */
export const neighbour = (on: Interface, value: string, mac: string): NetworkStep => ({
  operation: 'neighbour',
  text: `${value} is ${mac} on ${where(on)}`,
  ...on,
  address: value,
  mac,
});

export const forgetNeighbour = (on: Interface, value: string): NetworkStep => ({
  operation: 'neighbour',
  text: `forget ${value} on ${where(on)}`,
  ...on,
  address: value,
  mac: '00:00:00:00:00:00',
  add: false,
});

/** Limits the bytes that an interface sends in each second. */
export const rate = (on: Interface, bytesPerSecond: number): NetworkStep => ({
  operation: 'rate',
  text: `bound what ${where(on)} sends to ${bytesPerSecond} bytes a second`,
  ...on,
  bytesPerSecond,
});

/**
 * Waits until an interface carries packets. The kernel notices this a moment after the interface is up, and drops
 * packets until then.
 */
export const awaitCarrier = (on: Interface): NetworkStep => ({
  operation: 'carrier',
  text: `wait until ${where(on)} carries packets`,
  ...on,
});

/** Opens the counters of the container's interfaces; niwad keeps them open. */
export const count = (): NetworkStep => ({ operation: 'count', text: 'count what passes eth0', inside: true });

export const addElements = (text: string, elements: readonly SetElement[]): NetworkStep => ({
  operation: 'elements',
  text,
  elements,
});

export const removeElements = (elements: readonly SetElement[]): NetworkStep => ({
  operation: 'elements',
  text: 'take its rules away',
  elements,
  add: false,
});

/**
 * Lets the kernel forget the UDP flows to a port of the host. Else the kernel goes on to send the packets of these
 * flows to where they went before the port was published. A kernel without ctnetlink cannot forget them.
 */
export const forgetFlows = (port: number): NetworkStep => ({
  operation: 'forget',
  text: `forget where UDP to port ${port} was led before`,
  number: port,
  optional: true,
});

export const deleteLink = (device: string): NetworkStep => ({
  operation: 'delete',
  text: `delete the interface ${device}`,
  device,
});

/** Gives the same step as an optional one: if it fails, the next step is done all the same. */
export const optional = (step: NetworkStep): NetworkStep => ({ ...step, optional: true });
