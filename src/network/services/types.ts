import type { ListenAddress } from '../../protocol/resolved-service.js';

/** A service as the data path knows it. */
export interface ServicePath {
  readonly name: string;
  readonly listen: readonly ListenAddress[];
  /** The subnets that may wake it; null for everybody. */
  readonly from: readonly string[] | null;
  /** How many requests are held at once. */
  readonly queue: number;
}

/** An instance to which new connections go. */
export interface Destination {
  readonly id: string;
  readonly address: string;
  /** null on a bridge without IPv6. */
  readonly address6: string | null;
  readonly port: number;
}

/** What has gone over the path of one service, counted since niwad has declared it. */
export interface PathCounts {
  /** New connections. */
  readonly connections: number;
  /**
   * New connections and datagrams by the id of the instance; of those that are routed, and of those that were and that
   * earlier clients may still send datagrams to.
   */
  readonly byInstance: ReadonlyMap<string, number>;
  /** Requests that were held, and those that are held now. */
  readonly held: number;
  readonly heldNow: number;
  readonly refused: ReadonlyMap<string, number>;
}

/**
 * The data path of services: addresses of the node that are always open. A connection to a service without a routed
 * instance is held until an instance is routed, or refused. `ServicePaths` (paths.ts) implements it with nftables and a
 * queue of the kernel.
 */
export interface Paths {
  /**
   * Adds or changes a service. Its routes stay as they are; a new one has none.
   * @throws NiwaError ADDRESS_IN_USE where a container, another service or a program of the host has an address;
   * SPEC_INVALID where
   *   the host does not have it; HOST_UNSUPPORTED
   */
  declare(path: ServicePath): Promise<void>;
  /** Refuses addresses that {@link declare} would refuse because they are taken, or not there; takes none. */
  requireFree(path: ServicePath): Promise<void>;
  /** Removes a service: its addresses are closed, and what is held is refused. */
  withdraw(name: string): Promise<void>;
  /**
   * Sets the instances to which new connections go, in one transaction, and then lets go what is held if there is one.
   * Established connections stay. Without instances the service sleeps.
   * @param unrouted instances that get no new clients, whose datagrams are still counted
   */
  route(name: string, destinations: readonly Destination[], unrouted?: readonly Destination[]): Promise<void>;
  /** Refuses what is held, and until {@link accept} also new requests, at once, with a reset; `cause` is counted. */
  refuse(name: string, cause: string): Promise<void>;
  accept(name: string): Promise<void>;
  /** Reads the counters of all services. */
  counts(): Promise<ReadonlyMap<string, PathCounts>>;
  /** All addresses that services hold, for `niwa ports`. */
  addresses(): { readonly service: string; readonly listen: ListenAddress }[];
  /**
   * Loads the rules with all declared services and their routes in one step. Called once, when niwad has declared all
   * services of its predecessor and set their routes: until then declare() and route() only keep account.
   */
  open(): Promise<void>;
  /**
   * Ends the queue. The rules stay as long as services are declared: what runs is reached, what sleeps is repeated by
   * the client.
   */
  close(): Promise<void>;
}
