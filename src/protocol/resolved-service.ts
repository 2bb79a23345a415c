import { type Static, Type } from 'typebox';
import { nullable, Texts, Usec } from './parts.js';
import { ReadySchema } from './resolved-hooks.js';

/**
 * A service with every default filled in and every value in a fixed unit. Decisions are made of it, and `inspect` shows
 * it.
 */

export const ListenAddressSchema = Type.Object(
  {
    protocol: Type.Enum(['tcp', 'udp']),
    family: Type.Union([Type.Literal(4), Type.Literal(6)]),
    address: nullable(Type.String({ description: 'null for all addresses of this family' })),
    port: Type.Integer(),
  },
  { title: 'ListenAddress', description: 'an address of the node that is always open for a service' },
);
export type ListenAddress = Static<typeof ListenAddressSchema>;

const ScaleSchema = Type.Object(
  {
    out: Type.Number({
      description: 'the share of throttled periods from which more instances are started, seen in 2 of 3 seconds',
    }),
    panic: Type.Number({ description: 'the share from which more are started after one second' }),
    in: Type.Number({ description: 'the share below which an instance may be taken away' }),
    target: Type.Number({ description: 'the share of its cpu.max that an instance is to use' }),
    windowUsec: Usec,
    warmupUsec: Usec,
    settleUsec: Usec,
  },
  { title: 'Scale', description: 'when throttled time makes more instances, and quiet time fewer' },
);
export type Scale = Static<typeof ScaleSchema>;

const LiveSchema = Type.Object(
  {
    check: ReadySchema.properties.check,
    everyUsec: Usec,
    timeoutUsec: Usec,
    failures: Type.Integer({ description: 'how many failed checks in a row make an instance sick' }),
  },
  { title: 'Live', description: 'how niwad finds out whether an instance still answers' },
);
export type Live = Static<typeof LiveSchema>;

export const ServiceSchema = Type.Object(
  {
    name: Type.String(),
    owner: nullable(Type.String()),
    labels: Texts,
    listen: Type.Array(ListenAddressSchema),
    port: Type.Integer({ description: 'the port in the container' }),
    template: Type.Unknown({ description: 'the spec of its instances, as it was written' }),
    slots: Type.Integer({ description: 'there are never more instances than these' }),
    ahead: Type.Integer({ description: 'how many instances are made ahead, so that one only has to be started' }),
    minInstances: Type.Integer(),
    wake: Type.Object({
      timeoutUsec: Usec,
      queue: Type.Integer({ description: 'how many requests are held at once' }),
      from: nullable(Type.Array(Type.String(), { description: 'the subnets that may wake it; null for everybody' })),
      backoff: Type.Object({ minUsec: Usec, maxUsec: Usec }),
    }),
    drainUsec: Usec,
    idle: Type.Object({ afterUsec: Usec, action: Type.Enum(['freeze', 'stop', 'none']) }),
    scale: Type.Union([ScaleSchema, Type.Literal('none')]),
    live: nullable(LiveSchema),
  },
  { title: 'Service' },
);
export type Service = Static<typeof ServiceSchema>;
