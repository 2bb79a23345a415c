import type { SetElement } from '../plan/network.js';
import type { Handle } from './containers.js';

/** The number of a service, which niwad chooses. */
export type ServiceNumber = number;

/** An address of a service in bytes; no bytes stand for all addresses of the family. */
export interface QueueAddress {
  protocol: 'tcp' | 'udp';
  family: 4 | 6;
  address: Uint8Array;
  port: number;
}

/** One change of a set or map of nftables. */
export interface ElementChange {
  element: SetElement;
  add: boolean;
}

export type QueueEvent =
  /** A first packet waits for a service: the first of all, or the first since the last ones were let go. */
  | { type: 'held'; service: ServiceNumber }
  /** The queue is closed, because the kernel refuses it: no packet is held any more. `errno` is its name. */
  | { type: 'ended'; errno: string };

/** What has happened to the first packets of the connections to a service. */
export interface HeldCounts {
  service: ServiceNumber;
  /** How many were held so far, without repetitions. */
  held: number;
  /** How many are held now. */
  now: number;
  /** How many were refused, because as many were held as may be. */
  full: number;
}

/** An element of a set with a counter: how many packets the rules have found it for. */
export interface CountedElement {
  set: string;
  key: Uint8Array;
  packets: number;
}

/** The sockets of a port, without those of loopback addresses. */
export interface PortSockets {
  /** TCP: a socket listens. UDP: a socket is bound. */
  isListening: boolean;
  /** TCP connections to the port on which bytes may still be on their way; 0 for UDP. */
  connections: number;
}

/**
 * Holds the first packets of connections to services, and changes the rules of services. One thread does all this in
 * the order of the calls.
 */
export interface Services {
  /**
   * Takes a queue of the kernel that nobody has, and gives its number; `listener` gets its events.
   * @throws KernelError if the kernel has no queues (CONFIG_NETFILTER_NETLINK_QUEUE)
   */
  open(listener: (event: QueueEvent) => void): Promise<number>;
  /** Closes the queue and forgets all services. The kernel drops what was held; TCP sends it again. */
  close(): Promise<void>;
  /** Adds a service, or changes its addresses, and how many packets are held for it at most. A new one holds none. */
  declare(service: ServiceNumber, addresses: readonly QueueAddress[], bound: number): void;
  /** Forgets a service, and lets go what is held for it. */
  forget(service: ServiceNumber): void;
  /**
   * Makes changes of sets in one transaction. Then, unless the service `holds` packets from now on, lets go those that
   * are held, and gives how many; the rules decide what becomes of them.
   * @throws KernelError; nothing is changed and nothing let go then
   */
  change(service: ServiceNumber, changes: readonly ElementChange[], holds: boolean): Promise<number>;
  /**
   * Adds a rule to a chain of an inet table: packets go to this queue. For kernels where nft cannot write that rule
   * (CONFIG_NFT_QUEUE), but which have the target NFQUEUE of iptables.
   * @throws KernelError
   */
  addQueueRule(table: string, chain: string): Promise<void>;
  held(): Promise<HeldCounts[]>;
  /** Reads all elements of the sets of an inet table. @throws KernelError ENOENT where there is no such table */
  counters(table: string, sets: readonly string[]): Promise<CountedElement[]>;
  /**
   * Looks at the sockets of a port in a container's network namespace; takes a millisecond.
   * @throws KernelError ESRCH if the container has ended
   */
  sockets(handle: Handle, protocol: 'tcp' | 'udp', port: number): Promise<PortSockets>;
}
