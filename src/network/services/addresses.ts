import { isIPv6 } from 'node:net';
import { NiwaError } from '../../protocol/errors.js';
import type { ListenAddress } from '../../protocol/resolved-service.js';
import type { PublishedPort } from '../../protocol/resolved-spec.js';
import { addressBytes } from '../../spec/addresses.js';

/** An address of this host that a service holds. */
export interface HeldAddress {
  readonly service: string;
  readonly listen: ListenAddress;
}

/** The addresses of this host that services hold. This class only keeps account. */
export class ServiceAddresses {
  readonly #held = new Map<string, readonly ListenAddress[]>();

  all(): HeldAddress[] {
    return [...this.#held].flatMap(([service, listens]) => listens.map((listen) => ({ service, listen })));
  }

  /** Sets the addresses of a service; without any, it holds none. */
  set(service: string, listens: readonly ListenAddress[]): void {
    if (listens.length === 0) this.#held.delete(service);
    else this.#held.set(service, listens);
  }

  /**
   * Refuses addresses of a service that another one holds. A port on one address and on all addresses are in each
   * other's way: while the one sleeps, the other would get its connections.
   * @throws NiwaError ADDRESS_IN_USE
   */
  requireFree(service: string, listens: readonly ListenAddress[]): void {
    for (const listen of listens)
      for (const other of this.all())
        if (other.service !== service && overlap(listen, other.listen))
          throw new NiwaError('ADDRESS_IN_USE', takenText(listen, other));
  }

  /** Refuses to publish ports that a service holds. @throws NiwaError ADDRESS_IN_USE */
  requireUnheld(ports: readonly PublishedPort[]): void {
    for (const port of ports)
      for (const { service, listen } of this.all())
        if (overlapsPublished(listen, port))
          throw new NiwaError(
            'ADDRESS_IN_USE',
            `service ${service} holds ${listenText(listen)} of this host: publish another port than ${port.host}/${port.protocol}`,
          );
  }
}

function takenText(listen: ListenAddress, { service, listen: held }: HeldAddress): string {
  const [wanted, theirs] = [listenText(listen), listenText(held)];
  const what = wanted === theirs ? '' : `, which ${held.address === null ? 'includes' : 'overlaps'} ${wanted}`;
  return `service ${service} holds ${theirs} of this host already${what}: take another address or port (\`niwa ports\` lists what is held)`;
}

/** Says whether a published port and an address of a service are in each other's way. */
export function overlapsPublished(listen: ListenAddress, { protocol, hostAddress, host }: PublishedPort): boolean {
  const families = hostAddress === null ? ([4, 6] as const) : ([isIPv6(hostAddress) ? 6 : 4] as const);
  return families.some((family) => overlap(listen, { protocol, family, address: hostAddress, port: host }));
}

function overlap(a: ListenAddress, b: ListenAddress): boolean {
  if (a.protocol !== b.protocol || a.family !== b.family || a.port !== b.port) return false;
  return a.address === null || b.address === null || isSame(a.address, b.address);
}

function isSame(a: string, b: string): boolean {
  return Buffer.compare(addressBytes(a), addressBytes(b)) === 0;
}

/** Writes an address as in a service's file: `0.0.0.0:8080`, `[::]:53/udp`. */
export function listenText({ protocol, family, address, port }: ListenAddress): string {
  const host = family === 4 ? (address ?? '0.0.0.0') : `[${address ?? '::'}]`;
  return `${host}:${port}${protocol === 'udp' ? '/udp' : ''}`;
}
