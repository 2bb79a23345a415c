import type { Logger } from 'pino';
import { errnoOf } from '../kernel/errors.js';
import type { Kernel } from '../kernel/kernel.js';
import type { Lease } from './lease.js';

/** For how long leases are gathered: whatever the number of ends, the kernel's table of connections is searched once in this time. */
const GATHER_MS = 1000;

/**
 * Leases that nobody has any more, until the kernel has forgotten the connections with their addresses. Where one were given to
 * the next container before, the peers of the one before would send to that.
 */
export class Leaving {
  readonly #kernel: Pick<Kernel, 'network'>;
  readonly #log: Logger;
  readonly #free: (lease: Lease) => void;
  readonly #leases = new Set<Lease>();
  /** What the kernel said the last time; null where it did it. */
  #errno: string | null = null;
  #timer: NodeJS.Timeout | undefined;
  #forgetting: Promise<void> = Promise.resolve();

  /** @param free gets each lease when nothing is left of it */
  constructor(kernel: Pick<Kernel, 'network'>, log: Logger, free: (lease: Lease) => void) {
    this.#kernel = kernel;
    this.#log = log;
    this.#free = free;
  }

  /** Takes a lease of which the rules and the interface are gone. */
  add(lease: Lease): void {
    this.#leases.add(lease);
    this.#timer ??= setTimeout(() => void this.flush(), GATHER_MS).unref();
  }

  /** Frees all leases now; what cannot be freed is tried again later. */
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
   * Lets the kernel forget connections. Gives whether that is done; a kernel without ctnetlink has no way to be told. An error
   * that lasts is logged once.
   * @param owners as the kernel's `forgetFlows` takes them
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

/** The addresses of a lease, of one family or of both. */
export function addressesOf({ address, address6 }: Lease): string[] {
  return [address, ...(address6 === null ? [] : [address6])];
}
