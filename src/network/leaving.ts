import type { Logger } from 'pino';
import { errnoOf } from '../kernel/errors.js';
import type { Kernel } from '../kernel/kernel.js';
import type { Lease } from './lease.js';

/**
 * How long leases are collected before one search for their connections: a search goes through all connections of the
 * host.
 */
const GATHER_MS = 1000;

/**
 * The leases of containers that have ended, kept until the kernel has forgotten the connections with their addresses.
 * If another container got such an address before, it would get the packets of these connections.
 */
export class Leaving {
  readonly #kernel: Pick<Kernel, 'network'>;
  readonly #log: Logger;
  readonly #free: (lease: Lease) => void;
  readonly #leases = new Set<Lease>();
  /** The errno of the last try; null where it succeeded. */
  #errno: string | null = null;
  #timer: NodeJS.Timeout | undefined;
  #forgetting: Promise<void> = Promise.resolve();

  /** @param free called with each lease whose addresses another container may get now */
  constructor(kernel: Pick<Kernel, 'network'>, log: Logger, free: (lease: Lease) => void) {
    this.#kernel = kernel;
    this.#log = log;
    this.#free = free;
  }

  /** Adds the lease of a container whose interface and rules are removed. */
  add(lease: Lease): void {
    this.#leases.add(lease);
    this.#timer ??= setTimeout(() => void this.flush(), GATHER_MS).unref();
  }

  /** Frees all leases now. Where the kernel refuses, a later try follows. */
  async flush(): Promise<void> {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#forgetting = this.#forgetting.then(() => this.#forget());
    await this.#forgetting;
  }

  async #forget(): Promise<void> {
    const leases = [...this.#leases];
    this.#leases.clear();
    if (leases.length === 0) return;
    const isForgotten = await this.forgetFlows({ of: leases.flatMap(addressesOf), but: [] });
    for (const lease of leases)
      if (isForgotten) this.#free(lease);
      else this.add(lease);
  }

  /**
   * Lets the kernel forget connections; says whether it has. A kernel without ctnetlink cannot be asked, which counts
   * as done. An error that comes again and again is logged once.
   * @param owners in the form of the kernel's `forgetFlows`
   */
  async forgetFlows(owners: { of: string[]; but: string[] }): Promise<boolean> {
    const errno = await this.#kernel.network.forgetFlows(owners).then(() => null, errnoOf);
    if (errno !== null && errno !== this.#errno)
      this.#log.error(
        { errno, addresses: owners.of.length, first: owners.of[0] },
        'the connections of containers that have ended cannot be forgotten',
      );
    this.#errno = errno;
    return errno === null || errno === 'EINVAL';
  }
}

/** Gives the addresses of a lease: one, or two with IPv6. */
export function addressesOf({ address, address6 }: Lease): string[] {
  return [address, ...(address6 === null ? [] : [address6])];
}
