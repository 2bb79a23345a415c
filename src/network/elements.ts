import { isIPv4 } from 'node:net';
import type { SetElement } from '../plan/network.js';
import type { Network, PublishedPort } from '../protocol/resolved-spec.js';
import { addressBytes } from '../spec/addresses.js';
import type { Lease } from './lease.js';

/**
 * Gives the elements of one container in the sets and maps of ruleset.ts, as bytes for the kernel and as text for nft.
 */

/** The numbers of the families of tables: NFPROTO_*. */
export const FAMILY = { inet: 1, bridge: 7 } as const;
const PROTOCOL = { tcp: 6, udp: 17 } as const;
const INTERFACE_BYTES = 16;

/** One part of a key or of a value; a key may have several. */
export interface Part {
  text: string;
  bytes: Uint8Array;
  /** The last bytes of an interval, which begins with `bytes`. */
  last?: Uint8Array;
}

/** An element of a set; with `data`, an element of a map; with `chain`, of a map of verdicts. */
export interface Element {
  family: keyof typeof FAMILY;
  set: string;
  key: Part[];
  data?: Part[];
  chain?: string;
}

export const address = (value: string): Part => ({ text: value, bytes: addressBytes(value) });
export const protocol = (value: 'tcp' | 'udp'): Part => ({ text: value, bytes: Uint8Array.of(PROTOCOL[value]) });
export const port = (value: number): Part => ({ text: String(value), bytes: Uint8Array.of(value >> 8, value & 0xff) });
const mac = (value: string): Part => ({
  text: value,
  bytes: Uint8Array.from(value.split(':'), (byte) => Number.parseInt(byte, 16)),
});
/** Marks and interface names are in the byte order of the machine, not in network order. */
export const mark = (value: number): Part => ({
  text: String(value),
  bytes: new Uint8Array(Uint32Array.of(value).buffer),
});
const device = (value: string): Part => {
  const bytes = Buffer.alloc(INTERFACE_BYTES);
  bytes.write(value);
  return { text: `"${value}"`, bytes };
};

/**
 * Gives the elements of one container: the addresses from which it may send, its published ports, its name servers, its
 * group.
 * @param group the number of its group; null where it is in no group
 */
export function elementsOf(lease: Lease, network: Network, group: number | null): Element[] {
  const addresses = [lease.address, ...(lease.address6 === null ? [] : [lease.address6])];
  return addresses.flatMap((own): Element[] => [
    {
      family: 'bridge',
      set: `sources${version(own)}`,
      key: [device(lease.device), mac(lease.mac), address(own)],
    },
    { family: 'inet', set: `held${version(own)}`, key: [address(own)] },
    ...(network.linkLocal === 'allow'
      ? [{ family: 'inet', set: `lifted${version(own)}`, key: [address(own)] } satisfies Element]
      : []),
    ...nameServersFor(own, network).map(
      (server): Element => ({ family: 'inet', set: `resolvers${version(own)}`, key: [address(own), address(server)] }),
    ),
    ...network.ports.filter(({ hostAddress }) => fits(hostAddress, own)).map((published) => publish(published, own)),
    ...(group === null
      ? []
      : ([
          { family: 'inet', set: `group${version(own)}`, key: [address(own)], data: [mark(group)] },
          { family: 'inet', set: `members${version(own)}`, key: [address(own), mark(group)] },
        ] satisfies Element[])),
  ]);
}

/** Writes an element for the kernel, which wants each part padded to a multiple of 4 bytes. */
export function encodeElement(table: string, { family, set, key, data, chain }: Element): SetElement {
  const isInterval = key.some(({ last }) => last !== undefined);
  return {
    family: FAMILY[family],
    table,
    set,
    key: concatenated(key.map(({ bytes }) => bytes)),
    ...(isInterval ? { keyEnd: concatenated(key.map(({ bytes, last }) => last ?? bytes)) } : {}),
    ...(data === undefined ? {} : { data: concatenated(data.map(({ bytes }) => bytes)) }),
    ...(chain === undefined ? {} : { chain }),
  };
}

/** Writes an element as text for nft. */
export function elementText({ key, data, chain }: Element): string {
  const words = (parts: Part[]) => parts.map(({ text }) => text).join(' . ');
  if (chain !== undefined) return `${words(key)} : goto ${chain}`;
  return data === undefined ? words(key) : `${words(key)} : ${words(data)}`;
}

/** Gives the name servers in a container's resolv.conf that have the same address family as `own`. */
function nameServersFor(own: string, { dns }: Network): string[] {
  return [...new Set(dns.servers ?? [])].filter((server) => isIPv4(server) === isIPv4(own));
}

function publish({ protocol: layer, hostAddress, host, container }: PublishedPort, own: string): Element {
  const key = [protocol(layer), port(host)];
  const data = [address(own), port(container)];
  const set = `ports${version(own)}`;
  if (hostAddress === null) return { family: 'inet', set: `${set}_any`, key, data };
  return { family: 'inet', set, key: [address(hostAddress), ...key], data };
}

/**
 * Says whether a port on an address of the host can be published for an address of the container: both need the same
 * family.
 */
function fits(hostAddress: string | null, own: string): boolean {
  return hostAddress === null || isIPv4(hostAddress) === isIPv4(own);
}

function version(own: string): 4 | 6 {
  return isIPv4(own) ? 4 : 6;
}

function concatenated(parts: Uint8Array[]): Uint8Array {
  return Buffer.concat(parts.map((bytes) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)])));
}
