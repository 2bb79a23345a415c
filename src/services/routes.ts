import type { Destination } from '../network/services/types.js';
import type { ListenAddress } from '../protocol/resolved-service.js';
import type { Phase } from './decide/types.js';

/** Where a service wants its requests to go. */
export interface Routes {
  /** The instances that new connections go to. */
  routed: readonly Destination[];
  /** Those to which earlier clients may still send datagrams, which are counted. */
  unrouted: readonly Destination[];
}

export const NO_ROUTES: Routes = { routed: [], unrouted: [] };

interface Routable {
  phase: Phase;
  destination: Destination | null;
}

/**
 * Gives the routes to instances in these phases. Without an address of UDP, un-routed instances are left out: their
 * connections are counted where they are established.
 */
export function routesTo(instances: readonly Routable[], listen: readonly ListenAddress[]): Routes {
  const inPhase = (phase: Phase) =>
    instances
      .filter((instance) => instance.phase === phase)
      .map(({ destination }) => destination)
      .filter((destination) => destination !== null);
  const hasUdp = listen.some(({ protocol }) => protocol === 'udp');
  return { routed: inPhase('routed'), unrouted: hasUdp ? inPhase('unrouted') : [] };
}

/** Whether two routes lead to the same instances. */
export function areSameRoutes(a: Routes, b: Routes): boolean {
  return isSameList(a.routed, b.routed) && isSameList(a.unrouted, b.unrouted);
}

function isSameList(a: readonly Destination[], b: readonly Destination[]): boolean {
  return a.length === b.length && a.every(({ id }, i) => id === b[i]?.id);
}
