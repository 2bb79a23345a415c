import { NiwaError } from '../protocol/errors.js';
import { ipv4Number, ipv4Text, type Subnet, sizeOf } from '../spec/addresses.js';
import { invalid, show } from '../spec/problems.js';

/** The number, within a subnet, of the gateway's address and of the first address for a container. */
export const GATEWAY = 1;
const FIRST = 2;

/**
 * Gives the addresses of a subnet to containers, each to one at a time. An address that was given back is used again
 * after all others.
 */
export class AddressPool {
  readonly #subnet: Subnet;
  readonly #taken = new Set<number>();
  /** The addresses that were given back, the oldest first. */
  readonly #used = new Set<number>();
  /** The number of the first address that no container has had yet. */
  #next = FIRST;

  constructor(subnet: Subnet) {
    this.#subnet = subnet;
  }

  /**
   * Takes an address.
   * @param wanted the address to take; null for any
   * @throws NiwaError HOST_UNSUPPORTED where all addresses are in use, SPEC_INVALID where `wanted` is no address for a
   * container of this
   *   pool, ADDRESS_IN_USE where another container has it
   */
  take(wanted: string | null): string {
    return this.#take(this.#choose(wanted));
  }

  /** Gives the address that {@link take} would take now. @throws NiwaError as {@link take} */
  next(wanted: string | null): string {
    return ipv4Text(this.#choose(wanted));
  }

  /**
   * Says whether {@link take} will find a free address. An address outside of the pool counts as free; {@link take}
   * then refuses it.
   */
  canTake(wanted: string | null): boolean {
    if (wanted !== null) return !this.#taken.has(ipv4Number(wanted));
    return this.#taken.size < this.#end - FIRST;
  }

  /** Marks the address of an earlier niwad's container as taken. An address of another subnet is ignored. */
  claim(address: string): void {
    if (this.#has(ipv4Number(address))) this.#take(ipv4Number(address));
  }

  /** Gives an address back. An address that is not taken is ignored. */
  release(address: string): void {
    const number = ipv4Number(address);
    if (this.#taken.delete(number)) this.#used.add(number);
  }

  /** Gives the subnet as text: `10.88.0.0/16`. */
  get text(): string {
    return `${ipv4Text(this.#base)}/${this.#subnet.prefix}`;
  }

  get #base(): number {
    return this.#subnet.base;
  }

  /** The number of the last address: the broadcast address, which no container gets. */
  get #end(): number {
    return sizeOf(this.#subnet) - 1;
  }

  #has(number: number): boolean {
    return number >= this.#base + FIRST && number < this.#base + this.#end;
  }

  #choose(wanted: string | null): number {
    if (wanted !== null) return this.#chooseWanted(wanted);
    while (this.#next < this.#end && this.#taken.has(this.#base + this.#next)) this.#next++;
    const number = this.#next < this.#end ? this.#base + this.#next : this.#used.values().next().value;
    if (number === undefined)
      throw new NiwaError(
        'HOST_UNSUPPORTED',
        `all ${this.#taken.size} addresses of ${this.text} are in use; enlarge network.subnet in niwad's configuration`,
      );
    return number;
  }

  #chooseWanted(wanted: string): number {
    const number = ipv4Number(wanted);
    const range = `${ipv4Text(this.#base + FIRST)} to ${ipv4Text(this.#base + this.#end - 1)}`;
    if (!this.#has(number))
      throw invalid('the spec', [
        { path: 'network.address', found: show(wanted), allowed: `an address from ${range}` },
      ]);
    if (this.#taken.has(number))
      throw new NiwaError('ADDRESS_IN_USE', `another container has the address ${wanted}; take another, or none`);
    return number;
  }

  #take(number: number): string {
    // from now on this address is no longer one that was never used
    if (number === this.#base + this.#next) this.#next++;
    this.#used.delete(number);
    this.#taken.add(number);
    return ipv4Text(number);
  }
}
