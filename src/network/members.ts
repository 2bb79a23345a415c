import { NiwaError } from '../errors.js';
import type { PlanNetwork } from '../plan/plan.js';
import type { Network, PublishedPort, Spec } from '../protocol/resolved-spec.js';
import { placedFiles } from './files.js';
import { type Lease, leaseOf, type Segment } from './lease.js';
import { AddressPool } from './pool.js';
import { attachSteps } from './steps.js';

/** What one container has on the bridge. */
export interface Member {
  lease: Lease;
  network: Network;
  /** The number of its group; null where it is in none. */
  group: number | null;
  /** Resolves when the steps that connect it are over, whether they succeed or not; null before they begin. */
  attaching: Promise<void> | null;
}

/**
 * The containers on the bridge, and what each of them has alone: an address, published ports; and the numbers of their groups.
 * Nothing of the kernel is touched here.
 */
export class Members {
  readonly #segment: Segment;
  readonly #addresses: AddressPool;
  readonly #members = new Map<string, Member>();
  /** The number of each group that has a member, by its name. */
  readonly #groups = new Map<string, number>();

  constructor(segment: Segment) {
    this.#segment = segment;
    this.#addresses = new AddressPool(segment.subnet);
  }

  get(id: string): Member | undefined {
    return this.#members.get(id);
  }

  all(): Member[] {
    return [...this.#members.values()];
  }

  get isEmpty(): boolean {
    return this.#members.size === 0;
  }

  /** Whether {@link take} has an address; an address that is none of this subnet is refused there. */
  hasAddress(wanted: string | null): boolean {
    return this.#addresses.canTake(wanted);
  }

  /**
   * Makes a container a member.
   * @throws NiwaError ADDRESS_IN_USE, SPEC_INVALID, HOST_UNSUPPORTED; then nothing was taken
   */
  take(id: string, network: Network): Member {
    this.#requireUnpublished(network.ports);
    return this.#add(id, network, leaseOf(this.#segment, this.#addresses.take(network.address)));
  }

  /** Takes over the member of an earlier niwad. */
  adopt(id: string, network: Network, lease: Lease): Member {
    this.#addresses.claim(lease.address);
    return this.#add(id, network, lease);
  }

  /** Ends a membership. The address stays taken until {@link free}: connections with it may live on in the kernel. */
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
   * Gives what the plan of a container has of its network: the steps that connect a member, and the files for its /etc.
   * @param directory where {@link networkFiles} are written for it
   */
  plan(spec: Spec, directory: string): PlanNetwork {
    const member = this.#members.get(spec.id);
    return this.#planOf(member, spec, directory);
  }

  /**
   * The same of a container that is no member, with what {@link take} would give it; nothing is taken.
   * @throws NiwaError as {@link take}
   */
  preview(spec: Spec, directory: string): PlanNetwork {
    const { network } = spec;
    if (network === null) return this.#planOf(undefined, spec, directory);
    this.#requireUnpublished(network.ports);
    const lease = leaseOf(this.#segment, this.#addresses.next(network.address));
    return this.#planOf({ lease, network, group: this.#numberOf(network.group) }, spec, directory);
  }

  #planOf(member: Omit<Member, 'attaching'> | undefined, spec: Spec, directory: string): PlanNetwork {
    const files = placedFiles(spec, directory);
    if (member === undefined) return { steps: [], files };
    return { steps: attachSteps(this.#segment, member.lease, member.network, member.group), files };
  }

  #add(id: string, network: Network, lease: Lease): Member {
    const group = this.#numberOf(network.group);
    if (network.group !== null && group !== null) this.#groups.set(network.group, group);
    const member: Member = { lease, network, group, attaching: null };
    this.#members.set(id, member);
    return member;
  }

  /** The number of a group; of one without members the number that its first member gets. */
  #numberOf(group: string | null): number | null {
    if (group === null) return null;
    return this.#groups.get(group) ?? Math.max(0, ...this.#groups.values()) + 1;
  }

  #requireUnpublished(ports: readonly PublishedPort[]): void {
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
