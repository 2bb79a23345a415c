import type { PlanNetwork } from '../plan/plan.js';
import { NiwaError } from '../protocol/errors.js';
import type { Network, PublishedPort, Spec } from '../protocol/resolved-spec.js';
import { placedFiles } from './files.js';
import { type Lease, leaseOf, type Segment } from './lease.js';
import { AddressPool } from './pool.js';
import { ServiceAddresses } from './services/addresses.js';
import { attachSteps } from './steps.js';

/** One container on the bridge. */
export interface Member {
  lease: Lease;
  network: Network;
  /** The number of its group; null where it is in no group. */
  group: number | null;
  /** Resolves when the steps that connect the container have ended, with or without success; null before they begin. */
  attaching: Promise<void> | null;
}

/**
 * The containers on the bridge, and what no two of them may share: addresses and published ports. Also the numbers of
 * their groups. This class only keeps account; it asks nothing of the kernel.
 */
export class Members {
  readonly #segment: Segment;
  readonly #services: ServiceAddresses;
  readonly #addresses: AddressPool;
  readonly #members = new Map<string, Member>();
  /** For each group that has a member, its number. */
  readonly #groups = new Map<string, number>();

  /** @param services the addresses of this host that no container may publish */
  constructor(segment: Segment, services = new ServiceAddresses()) {
    this.#segment = segment;
    this.#services = services;
    this.#addresses = new AddressPool(segment.subnet);
  }

  get(id: string): Member | undefined {
    return this.#members.get(id);
  }

  all(): Member[] {
    return [...this.#members.values()];
  }

  /** Gives the members, each with the id of its container. */
  entries(): [id: string, member: Member][] {
    return [...this.#members];
  }

  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  /**
   * Says whether {@link take} will find an address. A wanted address that is not in the subnet counts as found;
   * {@link take} refuses it.
   */
  hasAddress(wanted: string | null): boolean {
    return this.#addresses.canTake(wanted);
  }

  /**
   * Makes a container a member, with an address of its own.
   * @throws NiwaError ADDRESS_IN_USE, SPEC_INVALID, HOST_UNSUPPORTED; nothing is taken then
   */
  take(id: string, network: Network): Member {
    this.requireUnpublished(network.ports);
    return this.#add(id, network, leaseOf(this.#segment, this.#addresses.take(network.address)));
  }

  /** Makes a container a member that an earlier niwad had connected, with the lease that it has. */
  adopt(id: string, network: Network, lease: Lease): Member {
    this.#addresses.claim(lease.address);
    return this.#add(id, network, lease);
  }

  /**
   * Ends the membership of a container. Its address stays taken until {@link free}, since the kernel may still have
   * connections with it.
   */
  remove(id: string): Member | undefined {
    const member = this.#members.get(id);
    if (member === undefined) return undefined;
    this.#members.delete(id);
    const { group } = member.network;
    const isLast = !this.all().some(({ network }) => network.group === group);
    if (group !== null && isLast) this.#groups.delete(group);
    return member;
  }

  /** Gives the address of a lease back. */
  free({ address }: Lease): void {
    this.#addresses.release(address);
  }

  /**
   * Gives the network part of a container's plan: the steps that connect the container, and the files for its /etc.
   * @param directory the directory into which the texts of {@link networkFiles} are written for this container
   */
  plan(spec: Spec, directory: string): PlanNetwork {
    return { steps: this.stepsOf(spec.id), files: placedFiles(spec, directory) };
  }

  /** Gives the steps that connect a container; none for one that is no member. */
  stepsOf(id: string): PlanNetwork['steps'] {
    const member = this.#members.get(id);
    return member === undefined ? [] : this.#stepsOf(member);
  }

  /**
   * Gives the network part of a plan for a container that is no member yet, with the address that {@link take} would
   * give. Takes nothing.
   * @throws NiwaError as {@link take}
   */
  preview(spec: Spec, directory: string): PlanNetwork {
    const { network } = spec;
    const files = placedFiles(spec, directory);
    if (network === null) return { steps: [], files };
    this.requireUnpublished(network.ports);
    const lease = leaseOf(this.#segment, this.#addresses.next(network.address));
    return { steps: this.#stepsOf({ lease, network, group: this.#numberOf(network.group) }), files };
  }

  #stepsOf({ lease, network, group }: Omit<Member, 'attaching'>): PlanNetwork['steps'] {
    return attachSteps(this.#segment, lease, network, group);
  }

  #add(id: string, network: Network, lease: Lease): Member {
    const group = this.#numberOf(network.group);
    if (network.group !== null && group !== null) this.#groups.set(network.group, group);
    const member: Member = { lease, network, group, attaching: null };
    this.#members.set(id, member);
    return member;
  }

  /** Gives the number of a group. For a group without members, this is the number that its first member will get. */
  #numberOf(group: string | null): number | null {
    if (group === null) return null;
    return this.#groups.get(group) ?? Math.max(0, ...this.#groups.values()) + 1;
  }

  /** Refuses ports of the host that a container or a service has. @throws NiwaError ADDRESS_IN_USE */
  requireUnpublished(ports: readonly PublishedPort[]): void {
    this.#services.requireUnheld(ports);
    for (const [id, { network }] of this.#members)
      for (const port of ports)
        if (network.ports.some((other) => overlap(port, other)))
          throw new NiwaError(
            'ADDRESS_IN_USE',
            `container ${id} has published port ${port.host}/${port.protocol} of this host already: take another one`,
          );
  }
}

function overlap(a: PublishedPort, b: PublishedPort): boolean {
  if (a.protocol !== b.protocol || a.host !== b.host) return false;
  return a.hostAddress === null || b.hostAddress === null || a.hostAddress === b.hostAddress;
}
