import { type Static, Type } from 'typebox';
import { Ready } from './spec/hooks.js';
import { NetworkSchema } from './spec/network.js';
import { closed, Duration, integer } from './spec/values.js';
import { SpecSchema } from './spec.js';

/**
 * A service as a user writes it: addresses of the node that are always open, and the spec of the containers that
 * requests wake. This one schema gives the validation, the types and the OpenAPI document.
 */

/** The most instances of one service: the rules of the data path share connections among at most so many. */
export const MAX_SLOTS = 64;

/** The most requests that are held for one service. The queue of the kernel has room for four services with so many. */
export const MAX_QUEUE = 4096;

/** The name of a service: the ids of its instances begin with it. */
export const ServiceName = Type.String({
  pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,47}$',
  description: '1 to 48 of the characters A-Z a-z 0-9 _ . - and the first a letter or a digit',
});

const Listen = Type.String({
  pattern: '^(\\[[0-9a-fA-F:.]+\\]|[0-9.]+):[0-9]{1,5}(/(tcp|udp))?$',
  description: 'an address of the node and a port, such as "0.0.0.0:8080", "[::]:8080" or "0.0.0.0:53/udp"',
});

const templateFields = Type.Omit(SpecSchema, ['id', 'owner', 'network', 'restart']).properties;
const templateNetwork = Type.Omit(NetworkSchema, ['mode', 'address', 'ports']).properties;

/** The spec of the instances of a service. */
export const TemplateSchema = Type.Object(
  {
    ...templateFields,
    network: Type.Optional(
      Type.Object(
        { mode: Type.Optional(Type.Literal('bridge', { description: '"bridge"' })), ...templateNetwork },
        {
          ...closed,
          title: 'TemplateNetwork',
          description: '{"mode"?: "bridge", "group"?, "rate"?, "linkLocal"?, "dns"?, "hosts"?}',
        },
      ),
    ),
  },
  {
    ...closed,
    title: 'TemplateInput',
    description:
      'a spec without id, owner and published ports: each instance gets its own id, and the owner of the service',
  },
);
export type TemplateInput = Static<typeof TemplateSchema>;

const share = (description: string) =>
  Type.Optional(Type.Number({ minimum: 0, maximum: 1, description: `${description}: a number from 0 to 1` }));

const Scale = Type.Object(
  {
    out: share('the share of throttled periods from which more instances are started'),
    panic: share('the share from which more are started after one second'),
    in: share('the share below which an instance may be taken away'),
    target: share('the share of its cpu.max that an instance is to use'),
    window: Type.Optional(Duration),
    warmup: Type.Optional(Duration),
    settle: Type.Optional(Duration),
  },
  { ...closed, title: 'ScaleInput' },
);

const { tcp, http, command, every, timeout } = Ready.properties;
const Live = Type.Object(
  { tcp, http, command, every, timeout, failures: Type.Optional(integer(1, 1000, 'failed checks in a row')) },
  { ...closed, title: 'LiveInput' },
);

const Wake = Type.Object(
  {
    timeout: Type.Optional(Duration),
    queue: Type.Optional(integer(1, MAX_QUEUE, 'how many requests are held at once')),
    from: Type.Optional(
      Type.Array(Type.String({ description: 'a subnet such as "10.0.0.0/8" or "fd00::/8"' }), {
        minItems: 1,
        maxItems: 256,
        description:
          'a list of 1 to 256 subnets that may wake it; at most 1024 divided by the number of addresses in listen',
      }),
    ),
    backoff: Type.Optional(
      Type.Object(
        { min: Type.Optional(Duration), max: Type.Optional(Duration) },
        { ...closed, description: '{"min"?, "max"?}' },
      ),
    ),
  },
  { ...closed, title: 'WakeInput' },
);

const Idle = Type.Object(
  {
    after: Type.Optional(Duration),
    action: Type.Optional(Type.Enum(['freeze', 'stop', 'none'], { description: '"freeze", "stop" or "none"' })),
  },
  { ...closed, title: 'IdleInput' },
);

/** The whole service. */
export const ServiceInputSchema = Type.Object(
  {
    service: ServiceName,
    owner: SpecSchema.properties.owner,
    labels: SpecSchema.properties.labels,
    listen: Type.Array(Listen, { minItems: 1, maxItems: 64, description: 'a list of 1 to 64 addresses of the node' }),
    port: integer(1, 65_535, 'the port in the container'),
    template: TemplateSchema,
    slots: Type.Optional(integer(1, MAX_SLOTS, 'the most instances')),
    ahead: Type.Optional(integer(0, MAX_SLOTS, 'how many instances are made ahead')),
    minInstances: Type.Optional(integer(0, MAX_SLOTS, 'the least instances, at most as many as slots')),
    wake: Type.Optional(Wake),
    drain: Type.Optional(Duration),
    idle: Type.Optional(Idle),
    scale: Type.Optional(
      Type.Union([Scale, Type.Literal('none')], {
        description: '"none", or {"out"?, "panic"?, "in"?, "target"?, "window"?, "warmup"?, "settle"?}',
      }),
    ),
    live: Type.Optional(Live),
  },
  {
    ...closed,
    title: 'ServiceInput',
    examples: [
      {
        service: 'shop',
        listen: ['127.0.0.1:8080'],
        port: 80,
        template: { root: { image: 'shop:1.2' } },
        slots: 4,
        idle: { after: '5m', action: 'stop' },
      },
    ],
  },
);
export type ServiceInput = Static<typeof ServiceInputSchema>;
