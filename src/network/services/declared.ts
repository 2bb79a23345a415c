import type { RelayCounts } from '../../kernel/service-relay.js';
import type { ListenAddress } from '../../protocol/resolved-service.js';
import { addressBytes } from '../../spec/addresses.js';
import type { PathState } from './service-elements.js';
import { Tally } from './tally.js';
import type { Destination, PathCounts, ServicePath } from './types.js';

/** A service that is declared. */
export interface Declared {
  /** The number by which the queue knows it. */
  readonly number: number;
  readonly tally: Tally;
  /** The sum of refusals for each cause that `ServicePaths.refuse` was told. */
  readonly refused: Map<string, number>;
  state: PathState;
  /** Why it refuses requests; the last cause where it does not. */
  cause: string;
  /** How many refusals of the rules are among `refused`. */
  barred: number;
}

/** What was held for one service, and what was relayed. */
export type HeldAndRelayed = Omit<RelayCounts, 'service'>;
const NOTHING_HELD: HeldAndRelayed = { held: 0, now: 0, full: 0, relayed: 0, byInstance: {} };

/** Gives a service that has no addresses yet. */
export function newlyDeclared(number: number, path: ServicePath): Declared {
  const state = { path: { ...path, listen: [] }, slots: [], unrouted: [], isBarred: false };
  return { number, tally: new Tally(), refused: new Map(), state, cause: '', barred: 0 };
}

/** A sleeping service holds its packets, unless it refuses them. */
export function holds({ path, slots, isBarred }: PathState): boolean {
  return path.listen.length > 0 && slots.length === 0 && !isBarred;
}

/**
 * Gives the lists of destinations that are to be routed one after another. Datagrams that were held belong to one flow:
 * if there were several instances to choose from, they could be torn apart.
 */
export function wakeSteps({ path, slots }: PathState, wanted: readonly Destination[]): (readonly Destination[])[] {
  const hasUdp = path.listen.some(({ protocol }) => protocol === 'udp');
  return hasUdp && slots.length === 0 && wanted.length > 1 ? [wanted.slice(0, 1), wanted] : [wanted];
}

/** Gives an address as the kernel topic `services` has it. */
export function inBytes({ protocol, family, address, port }: ListenAddress) {
  return { protocol, family, address: address === null ? new Uint8Array() : addressBytes(address), port };
}

/** Adds to the refusals of a service. */
export function countRefused({ refused }: Declared, cause: string, more: number): void {
  if (more > 0) refused.set(cause, (refused.get(cause) ?? 0) + more);
}

/**
 * Gives the counts of a service.
 * @param reading what the rules have counted, as `toReading` gives it
 * @param held what was held and relayed
 */
export function countsOf(declared: Declared, reading: ReadonlyMap<string, number>, held = NOTHING_HELD): PathCounts {
  declared.tally.add(declared.state, reading);
  const { connections, byInstance, refused } = declared.tally.sums;
  countRefused(declared, declared.cause, refused.barred - declared.barred);
  declared.barred = refused.barred;
  const all = new Map([
    ...declared.refused,
    ['queue-full', held.full],
    ['not-allowed', refused['not-allowed']],
    ['rate', refused.rate],
  ] as [string, number][]);
  return {
    connections: connections + held.relayed,
    byInstance: new Map([...byInstance].map(([id, many]) => [id, many + (held.byInstance[id] ?? 0)])),
    held: held.held,
    heldNow: held.now,
    refused: new Map([...all].filter(([, many]) => many > 0)),
  };
}
