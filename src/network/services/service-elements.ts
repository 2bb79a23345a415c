import type { ListenAddress } from '../../protocol/resolved-service.js';
import { addressBytes } from '../../spec/addresses.js';
import { address, type Element, elementText, mark, type Part, port, protocol } from '../elements.js';
import type { Destination, ServicePath } from './types.js';

/** Gives the elements of one service in the sets and maps of rules.ts. Pure. */

/** Why the rules refuse a packet, and the mark that it has then. */
export const REFUSED = { 'not-allowed': 1, barred: 2, rate: 3 } as const;

/** The state of one service on the data path. */
export interface PathState {
  path: ServicePath;
  /** The routed instances, each in its slot. */
  slots: readonly Destination[];
  /** Whether requests are refused while no instance is routed. */
  isBarred: boolean;
}

/** The kinds of addresses: names of sets end with them. `_any` stands for all addresses of a family. */
export const KINDS = ['4', '4_any', '6', '6_any'] as const;
export type Kind = (typeof KINDS)[number];

export function kindOf({ family, address }: ListenAddress): Kind {
  return address === null ? `${family}_any` : `${family}`;
}

/** Gives the key of an address of a service. */
export function keyOf(listen: ListenAddress): Part[] {
  const end = [protocol(listen.protocol), port(listen.port)];
  return listen.address === null ? end : [address(listen.address), ...end];
}

/** Gives all elements of a service. */
export function elementsOfService({ path, slots, isBarred }: PathState): Element[] {
  return path.listen.flatMap((listen) => [
    ...standing(listen, path.from),
    ...routes(
      listen,
      slots.flatMap((slot) => inFamily(slot, listen.family)),
      isBarred,
    ),
  ]);
}

/** The elements that a service has whether an instance is routed or not. */
function standing(listen: ListenAddress, from: ServicePath['from']): Element[] {
  const kind = kindOf(listen);
  const key = keyOf(listen);
  return [
    element('services', kind, key),
    element('connections', kind, key),
    ...Object.values(REFUSED).map((reason) => element('refused', kind, [...key, mark(reason)])),
    ...sources(listen.family, from).map((source) => element('wakers', kind, [...key, source])),
  ];
}

function routes(listen: ListenAddress, slots: readonly Part[][], isBarred: boolean): Element[] {
  const kind = kindOf(listen);
  const key = keyOf(listen);
  if (slots.length === 0) return [element('asleep', kind, key), ...(isBarred ? [element('barred', kind, key)] : [])];
  return [
    { ...element('awake', kind, key), chain: `pick_${slots.length}` },
    ...slots.map((data, i): Element => ({ ...element('slots', kind, [...key, slotNumber(i)]), data })),
  ];
}

/** The number of a slot: the rules choose it by chance, in the byte order of the machine, as a mark is. */
const slotNumber = mark;

function element(set: string, kind: Kind, key: Part[]): Element {
  return { family: 'inet', set: `${set}${kind}`, key };
}

function inFamily({ address: ipv4, address6, port: inside }: Destination, family: 4 | 6): Part[][] {
  const own = family === 4 ? ipv4 : address6;
  return own === null ? [] : [[address(own), port(inside)]];
}

/** Gives the subnets of one family, without those within another: the kernel refuses intervals that overlap. */
function sources(family: 4 | 6, from: ServicePath['from']): Part[] {
  const all =
    from === null ? [family === 4 ? '0.0.0.0/0' : '::/0'] : from.filter((one) => one.includes(':') === (family === 6));
  const ranges = all.map(rangeOf);
  return ranges.filter(
    (one, i) => !ranges.some((other, j) => i !== j && covers(other, one) && (j < i || !covers(one, other))),
  );
}

type Range = Part & { last: Uint8Array };

/** Gives the first and the last address of a subnet; bits after the prefix do not matter. */
export function rangeOf(subnet: string): Range {
  const [base = '', length] = subnet.split('/');
  const written = addressBytes(base);
  const prefix = length === undefined ? written.length * 8 : Number(length);
  const maskOf = (i: number) => (0xff00 >> Math.min(8, Math.max(0, prefix - 8 * i))) & 0xff;
  const bytes = written.map((byte, i) => byte & maskOf(i));
  const last = written.map((byte, i) => byte | (~maskOf(i) & 0xff));
  return { text: `${base}/${prefix}`, bytes, last };
}

function covers(a: Range, b: Range): boolean {
  return Buffer.compare(a.bytes, b.bytes) <= 0 && Buffer.compare(a.last, b.last) >= 0;
}

/**
 * Gives each destination a slot: those that have one keep it, as far as the numbers reach, since a slot that is written
 * anew loses its counter.
 */
export function placeInSlots(before: readonly Destination[], wanted: readonly Destination[]): Destination[] {
  const kept = before.slice(0, wanted.length).map(({ id }) => wanted.find((one) => one.id === id));
  const others = wanted.filter((one) => !kept.includes(one));
  return wanted.map((_, i) => kept[i] ?? others.shift()).filter((one) => one !== undefined);
}

/**
 * Gives the changes that make one list of elements of another, removals first. Elements of both stay, with their
 * counters.
 */
export function difference(
  before: readonly Element[],
  after: readonly Element[],
): { element: Element; add: boolean }[] {
  const name = (one: Element) => `${one.set} ${elementText(one)}`;
  const [had, has] = [before, after].map((elements) => new Set(elements.map(name)));
  return [
    ...before.filter((one) => !has?.has(name(one))).map((element) => ({ element, add: false })),
    ...after.filter((one) => !had?.has(name(one))).map((element) => ({ element, add: true })),
  ];
}
