import type { QueueAddress, ServiceNumber } from './services.js';

/** Where an instance of a service answers, with addresses in bytes; one without bytes does not exist. */
export interface RelayTarget {
  id: string;
  address: Uint8Array;
  address6: Uint8Array;
  port: number;
}

/** What has happened to the connections of a service that came to the relay. */
export interface RelayCounts {
  service: ServiceNumber;
  /** How many were held so far. */
  held: number;
  /** How many are held now. */
  now: number;
  /** How many were refused, because as many were held or relayed as may be. */
  full: number;
  /** How many were relayed so far. */
  relayed: number;
  /** Of these, how many to each of the present targets, by their ids. */
  byInstance: Record<string, number>;
}

/**
 * Accepts TCP connections to services, holds them, and relays their bytes to the instances. The rules redirect to it
 * what they cannot hold or forward themselves. One thread does all this in the order of the calls.
 */
export interface ServiceRelay {
  /**
   * Listens on a port of all addresses of this host, and gives its number; `onHeld` is told the service of a first
   * connection that waits: the first of all, or the first since the last ones were let go.
   * @throws KernelError EADDRINUSE where all ports below 1024 are taken
   */
  open(onHeld: (service: ServiceNumber) => void): Promise<number>;
  /** Closes the listener and all connections, and forgets all services. */
  close(): Promise<void>;
  /**
   * Adds a service, or changes its addresses, and how many connections are held for it at most. A new one holds none.
   */
  declare(service: ServiceNumber, addresses: readonly QueueAddress[], bound: number): void;
  /** Forgets a service, and resets what is held for it; what is relayed stays. */
  forget(service: ServiceNumber): void;
  /**
   * Sets the instances to which connections are relayed. Then, unless the service `holds` connections from now on,
   * relays those that are held, or resets them where there is no instance, and gives how many.
   * @throws KernelError ESRCH if the service was not declared
   */
  change(service: ServiceNumber, targets: readonly RelayTarget[], holds: boolean): Promise<number>;
  counts(): Promise<RelayCounts[]>;
}
