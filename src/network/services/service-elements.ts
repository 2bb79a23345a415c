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
  /** The instances that get no new clients, while earlier ones may still send datagrams to them. */
  unrouted: readonly Destination[];
  /** Whether requests are refused while no instance is routed. */
  isBarred: boolean;
}

/** The kinds of addresses: names of sets end with them. `_any` stands for all addresses of a family. */
export const KINDS = ['4', '4_any', '6', '6_any'] as const;
export type Kind = (typeof KINDS)[number];

/** The families of addresses: the names of sets of datagrams end with them. */
export const FAMILIES = [4, 6] as const;

export function kindOf({ family, address }: ListenAddress): Kind {
  return address === null ? `${family}_any` : `${family}`;
}

/** Gives the key of an address of a service. */
export function keyOf(listen: ListenAddress): Part[] {
  const end = [protocol(listen.protocol), port(listen.port)];
  return listen.address === null ? end : [address(listen.address), ...end];
}

/** Gives all elements of a service. */
export function elementsOfService(state: PathState): Element[] {
  return [...standing(state.path), ...routes(state)];
}

/** The elements that a service has whether an instance is routed or not. */
function standing({ listen, from }: ServicePath): Element[] {
  const sources = { 4: subnets(4, from), 6: subnets(6, from) }; // once, for there may be many addresses
  return listen.flatMap((one) => {
    const kind = kindOf(one);
    const key = keyOf(one);
    return [
      element('services', kind, key),
      element('connections', kind, key),
      ...Object.values(REFUSED).map((reason) => element('refused', kind, [...key, mark(reason)])),
      ...sources[one.family].map((source) => element('wakers', kind, [...key, source])),
    ];
  });
}

function routes(state: PathState): Element[] {
  return [...ways(state), ...datagrams(state)];
}

/** Where the first packets of connections and flows go. */
function ways({ path: { listen }, slots, isBarred }: PathState): Element[] {
  return listen.flatMap((one) => {
    const kind = kindOf(one);
    const key = keyOf(one);
    const routed = slots.flatMap((slot) => inFamily(slot, one.family));
    if (routed.length === 0) return ['asleep', ...(isBarred ? ['barred'] : [])].map((set) => element(set, kind, key));
    return [
      { ...element('awake', kind, key), chain: `pick_${routed.length}` },
      ...routed.map((data, i): Element => ({ ...element('slots', kind, [...key, slotNumber(i)]), data })),
    ];
  });
}

/** Where each datagram is counted, also a later one of a flow: at the address inside, once for all that lead there. */
function datagrams({ path: { listen }, slots, unrouted }: PathState): Element[] {
  return FAMILIES.filter((family) => listen.some((one) => one.protocol === 'udp' && one.family === family)).flatMap(
    (family) =>
      [...slots, ...unrouted].flatMap((to) =>
        inFamily(to, family).map((key): Element => ({ family: 'inet', set: `datagrams${family}`, key })),
      ),
  );
}

/** The number of a slot: the rules choose it by chance, in the byte order of the machine, as a mark is. */
const slotNumber = mark;

function element(set: string, kind: Kind, key: Part[]): Element {
  return { family: 'inet', set: `${set}${kind}`, key };
}

/** Gives the address and the port of an instance in a family; nothing where it has none. */
export function inFamily({ address: ipv4, address6, port: inside }: Destination, family: 4 | 6): Part[][] {
  const own = family === 4 ? ipv4 : address6;
  return own === null ? [] : [[address(own), port(inside)]];
}

/** Gives the subnets of one family, without those within another: the kernel refuses intervals that overlap. */
function subnets(family: 4 | 6, from: ServicePath['from']): Part[] {
  const all =
    from === null ? [family === 4 ? '0.0.0.0/0' : '::/0'] : from.filter((one) => one.includes(':') === (family === 6));
  const kept: Range[] = [];
  // Of two subnets that have an address in common, one is within the other: it comes later, and ends no later.
  for (const range of all.map(rangeOf).sort(byFirstAndSize)) {
    const before = kept.at(-1);
    if (before === undefined || Buffer.compare(range.last, before.last) > 0) kept.push(range);
  }
  return kept;
}

function byFirstAndSize(a: Range, b: Range): number {
  return Buffer.compare(a.bytes, b.bytes) || Buffer.compare(b.last, a.last);
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
 * Gives the changes of elements that bring a service from one state to the next, removals first. Elements of both stay,
 * with their counters. Strangers change the routes, by their requests: that costs the same with few subnets and with
 * many.
 */
export function changesOf(before: PathState, after: PathState): { element: Element; add: boolean }[] {
  const elementsOf = before.path === after.path ? routes : elementsOfService;
  const name = (one: Element) => `${one.set} ${elementText(one)}`;
  const [removed, added] = [elementsOf(before), elementsOf(after)];
  const [had, has] = [removed, added].map((elements) => new Set(elements.map(name)));
  return [
    ...removed.filter((one) => !has?.has(name(one))).map((element) => ({ element, add: false })),
    ...added.filter((one) => !had?.has(name(one))).map((element) => ({ element, add: true })),
  ];
}
