import type { CountedElement } from '../../kernel/services.js';
import type { ListenAddress } from '../../protocol/resolved-service.js';
import { encodeElement, mark, type Part } from '../elements.js';
import { FAMILIES, inFamily, KINDS, keyOf, kindOf, type PathState, REFUSED } from './service-elements.js';

/** The sets of rules.ts whose elements have counters. */
export const COUNTED = [
  ...KINDS.flatMap((kind) => [`connections${kind}`, `slots${kind}`, `refused${kind}`]),
  ...FAMILIES.map((family) => `datagrams${family}`),
];

/** What the rules have counted for one service. */
interface Counted {
  connections: number;
  /** New connections and datagrams. */
  byInstance: Map<string, number>;
  refused: Record<keyof typeof REFUSED, number>;
}

/**
 * Sums of the counters of one service. The kernel's counters begin anew when an element is written anew, so each
 * reading adds what has come since the one before.
 */
export class Tally {
  readonly #seen = new Map<string, number>();
  readonly sums: Counted = { connections: 0, byInstance: new Map(), refused: { 'not-allowed': 0, barred: 0, rate: 0 } };

  /** Adds a reading, by the names of {@link nameOf}. */
  add({ path, slots, unrouted }: PathState, reading: ReadonlyMap<string, number>): void {
    const since = (name: string, of = '') => {
      const now = reading.get(name) ?? 0;
      const before = this.#seen.get(`${of} ${name}`) ?? 0;
      this.#seen.set(`${of} ${name}`, now);
      return now >= before ? now - before : now;
    };
    const { sums } = this;
    const count = (id: string, name: string) =>
      sums.byInstance.set(id, (sums.byInstance.get(id) ?? 0) + since(name, id));
    for (const listen of path.listen) {
      sums.connections += since(named('connections', listen));
      for (const [reason, value] of Object.entries(REFUSED))
        sums.refused[reason as keyof typeof REFUSED] += since(named('refused', listen, value));
      if (listen.protocol === 'tcp') for (const [i, { id }] of slots.entries()) count(id, named('slots', listen, i));
    }
    const known = [...slots, ...unrouted];
    for (const to of known)
      for (const family of FAMILIES)
        for (const key of inFamily(to, family)) count(to.id, fullName(`datagrams${family}`, key));
    for (const id of sums.byInstance.keys()) if (!known.some((one) => one.id === id)) this.#forget(id);
  }

  #forget(id: string): void {
    this.sums.byInstance.delete(id);
    for (const name of this.#seen.keys()) if (name.startsWith(`${id} `)) this.#seen.delete(name);
  }
}

/** Makes a reading of what the kernel has counted. */
export function toReading(counted: readonly CountedElement[]): Map<string, number> {
  return new Map(counted.map(({ set, key, packets }) => [nameOf(set, key), packets]));
}

function nameOf(set: string, key: Uint8Array): string {
  return `${set} ${Buffer.from(key).toString('hex')}`;
}

function named(set: string, listen: ListenAddress, number?: number): string {
  const key = [...keyOf(listen), ...(number === undefined ? [] : [mark(number)])];
  return fullName(`${set}${kindOf(listen)}`, key);
}

function fullName(set: string, key: Part[]): string {
  return nameOf(set, encodeElement('', { family: 'inet', set, key }).key);
}
