/**
 * The steps that give a container its network, one constructor each: what native/addon/network.cc reads, beside its words for
 * people. They run by netlink while the boot program waits for the start.
 */

/** An element of a set or map of nftables, of which all bytes are in the order of the wire. */
export interface SetElement {
  /** The number of the table's family, NFPROTO_*. */
  family: number;
  table: string;
  set: string;
  key: Uint8Array;
  /** What a map has for the key. */
  data?: Uint8Array;
}

/** One step; which fields there are depends on the operation. */
export interface NetworkStep {
  readonly operation: string;
  /** What it does, in the user's words. */
  readonly text: string;
  /** In the container's network namespace, else in niwad's. */
  readonly inside?: boolean;
  readonly device?: string;
  readonly bridge?: string;
  readonly mac?: string;
  readonly peerMac?: string;
  readonly address?: string;
  readonly gateway?: string;
  readonly number?: number;
  readonly bytesPerSecond?: number;
  readonly add?: boolean;
  /** Whether the rest goes on where it fails. */
  readonly optional?: boolean;
  readonly elements?: readonly SetElement[];
}

/** Where a step acts: on the host, or on an interface in the container. */
export interface Interface {
  device: string;
  inside?: boolean;
}

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
 * Lets the bridge send out of a port what came in by it: where the kernel shows bridged packets to the rules of IP (br_netfilter), it
 * bridges what a published port led back to the container that sent it. The rules let nothing else pass between ports.
 */
export const hairpin = (device: string): NetworkStep => ({
  operation: 'hairpin',
  text: `let ${device} have back what its own published ports are sent`,
  device,
});

/** Lets an interface give itself no address. */
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

/** Says that one address is on the link. */
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

/** Says who has an address, so that nobody is asked. */
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

/** Bounds what an interface sends. */
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

/** Lets what is sent to a UDP port be led by the rules of now. A kernel without ctnetlink cannot be told. */
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
