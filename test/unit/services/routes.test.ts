import { expect, it } from 'vitest';
import type { ListenAddress } from '../../../src/protocol/resolved-service.js';
import { areSameRoutes, NO_ROUTES, routesTo } from '../../../src/services/routes.js';

const tcp: ListenAddress = { protocol: 'tcp', family: 4, address: null, port: 80 };
const udp: ListenAddress = { ...tcp, protocol: 'udp' };
const to = (id: string) => ({ id, address: '10.0.0.2', address6: null, port: 80 });
const instances = [
  { phase: 'starting', destination: null },
  { phase: 'routed', destination: to('a') },
  { phase: 'unrouted', destination: to('b') },
  { phase: 'frozen', destination: to('c') },
  { phase: 'ending', destination: to('d') },
] as const;

it('lead to routed instances, and for datagrams also to un-routed ones', () => {
  expect(routesTo(instances, [tcp])).toEqual({ routed: [to('a')], unrouted: [] });
  expect(routesTo(instances, [tcp, udp])).toEqual({ routed: [to('a')], unrouted: [to('b')] });
});

it('are the same where they lead to the same instances', () => {
  expect(areSameRoutes(routesTo(instances, [udp]), routesTo(instances, [udp]))).toBe(true);
  expect(areSameRoutes(routesTo(instances, [udp]), routesTo(instances, [tcp]))).toBe(false);
  expect(areSameRoutes(routesTo([], [udp]), NO_ROUTES)).toBe(true);
});
