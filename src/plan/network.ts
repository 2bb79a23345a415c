/**
 * The steps that connect a container, one constructor each. A step is what native/addon/network.cc reads, and its words for people. The
 * steps run by netlink while the boot program waits for the start.
 */

/** An element of a set or map of nftables; its bytes are in network order. */
export interface SetElement {
  /** The number of the table's family, NFPROTO_*. */
  family: number;
  table: string;
  set: string;
  key: Uint8Array;
  /** The value that a map has for the key. */
  data?: Uint8Array;
}

/** An interface of niwad's network namespace, or of the container's where it is `inside`. */
export interface Interface {
  device: string;
  inside?: boolean;
}

/** What every step has. A step that is `optional` may fail: the sequence goes on. */
type StepOf<Operation extends string, Fields> = Readonly<
  { operation: Operation; text: string; optional?: boolean } & Fields
>;

/** One step: the operation, its words for people, and the fields that native/addon/network.cc reads for this operation. */
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

/** Makes a veth pair: its host end on the bridge, eth0 in the container. */
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
 * Lets the bridge send a packet back through the port that it came in by. A container that calls its own published port needs this where
 * the kernel applies the IP rules to bridged packets (br_netfilter). The rules drop all other packets between ports.
 */
export const hairpin = (device: string): NetworkStep => ({
  operation: 'hairpin',
  text: `let ${device} have back what its own published ports are sent`,
  device,
});

/** Keeps the kernel from giving an interface a link-local address of its own (IPv6). */
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

/** Tells the kernel that an address is reached directly through an interface. */
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

/** Tells the kernel the MAC address behind an IP address: it sends no question to the bridge, which any container could answer. */
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

/** Bounds the bytes that an interface sends in a second. */
export const rate = (on: Interface, bytesPerSecond: number): NetworkStep => ({
  operation: 'rate',
  text: `bound what ${where(on)} sends to ${bytesPerSecond} bytes a second`,
  ...on,
  bytesPerSecond,
});

/** Waits until an interface carries packets: the kernel notices it a moment after the interface is up, and drops until then. */
export const awaitCarrier = (on: Interface): NetworkStep => ({
  operation: 'carrier',
  text: `wait until ${where(on)} carries packets`,
  ...on,
});

/** Keeps the counters of the container's interfaces open. */
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
 * Lets the kernel forget the UDP flows to a port of the host: it would go on to send their packets to where they went before the port was
 * published. A kernel without ctnetlink cannot do that.
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

/** The same step, but a failure of it does not end the sequence. */
export const optional = (step: NetworkStep): NetworkStep => ({ ...step, optional: true });
