import { Type } from 'typebox';
import { BYTES_PATTERN, parseBytes } from '../units.js';
import { closed } from './values.js';

/** The network of a container: its address and ports on the bridge. */

const port = (description: string) =>
  Type.Integer({ minimum: 1, maximum: 65_535, description: `${description}: an integer from 1 to 65535` });
const addressText = (description: string) => Type.String({ maxLength: 45, description });
const HOST_NAME = '^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?$';
const MIN_RATE = 1024;
const Rate = Type.Union(
  [
    Type.Integer({ minimum: MIN_RATE, maximum: 2 ** 40 }),
    Type.Refine(Type.String({ pattern: BYTES_PATTERN }), (text) => {
      const rate = parseBytes(text);
      return rate !== undefined && rate >= MIN_RATE && rate <= 2 ** 40;
    }),
  ],
  { description: 'bytes a second as an integer, or a string such as "10M", from 1K to 1T' },
);

const HOST_ADDRESS = '(\\[[0-9a-fA-F:.]+\\]|[0-9.]+):';
const PORT_PATTERN = `^((${HOST_ADDRESS})?[0-9]{1,5}:|${HOST_ADDRESS}:)?[0-9]{1,5}(/(tcp|udp))?$`;
const Port = Type.Union(
  [
    Type.String({ pattern: PORT_PATTERN }),
    Type.Object(
      {
        host: Type.Optional(port('the port of the host')),
        container: port('the port in the container'),
        protocol: Type.Optional(
          Type.Union([Type.Literal('tcp'), Type.Literal('udp')], { description: '"tcp" or "udp"' }),
        ),
        hostAddress: Type.Optional(addressText('an address of the host')),
      },
      closed,
    ),
  ],
  {
    description:
      '"[ADDRESS:]PORT:PORT[/udp]", host first, "PORT" or "ADDRESS::PORT" for a free port of the host, or {"container", "host"?, "protocol"?: "tcp" or "udp", "hostAddress"?}',
  },
);

export const NetworkSchema = Type.Object(
  {
    mode: Type.Optional(
      Type.Union([Type.Literal('bridge'), Type.Literal('none')], { description: '"bridge" or "none"' }),
    ),
    address: Type.Optional(addressText("an IPv4 address of the node's pool")),
    ports: Type.Optional(Type.Array(Port, { maxItems: 1000, description: 'a list of published ports' })),
    group: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$',
        description: 'a name of 1 to 64 of the characters A-Z a-z 0-9 _ . -',
      }),
    ),
    rate: Type.Optional(
      Type.Object({ in: Type.Optional(Rate), out: Type.Optional(Rate) }, { ...closed, description: '{"in"?, "out"?}' }),
    ),
    linkLocal: Type.Optional(
      Type.Union([Type.Literal('deny'), Type.Literal('allow')], { description: '"deny" or "allow"' }),
    ),
    dns: Type.Optional(
      Type.Object(
        {
          servers: Type.Optional(
            Type.Array(addressText('the address of a name server'), { maxItems: 3, description: 'up to 3 addresses' }),
          ),
          search: Type.Optional(
            Type.Array(Type.String({ pattern: HOST_NAME, description: 'a domain' }), {
              maxItems: 32,
              description: 'a list of domains',
            }),
          ),
          options: Type.Optional(
            Type.Array(Type.String({ pattern: '^[a-z0-9:-]{1,64}$', description: 'an option of resolv.conf(5)' }), {
              maxItems: 16,
              description: 'a list of options of resolv.conf(5)',
            }),
          ),
        },
        { ...closed, description: '{"servers"?, "search"?, "options"?}' },
      ),
    ),
    hosts: Type.Optional(
      Type.Record(Type.String({ pattern: HOST_NAME }), addressText('an address, or "host-gateway"'), {
        ...closed,
        description:
          'an object of host names and their addresses; "host-gateway" is the address of the host on the bridge',
      }),
    ),
  },
  {
    ...closed,
    title: 'NetworkInput',
    description: '{"mode"?, "address"?, "ports"?, "group"?, "rate"?, "linkLocal"?, "dns"?, "hosts"?}',
  },
);
