import { Type } from 'typebox';
import { BYTES_WORDS, Bytes, closed, Duration, integer, MAX_INTEGER } from './values.js';

const Limit = Type.Union([Type.Literal('max'), ...Bytes.anyOf], { description: `"max", or ${BYTES_WORDS}` });

const Rate = Type.Union([Type.Literal('max'), ...Bytes.anyOf], {
  description: 'bytes a second as an integer or a string such as "10M", less than 8192T, or "max"',
});
const Operations = Type.Union([Type.Literal('max'), Type.Integer({ minimum: 1, maximum: MAX_INTEGER })], {
  description: 'operations a second as an integer, or "max"',
});

/** The limits of a container. A live update has the same form. */
export const Resources = Type.Object(
  {
    cpu: Type.Optional(
      Type.Object(
        {
          max: Type.Optional(
            Type.Union([Type.Literal('max'), Type.Number({ minimum: 0.01, maximum: 10_000 })], {
              description: 'processors as a number of at least 0.01, such as 1.5, or "max"',
            }),
          ),
          burst: Type.Optional(Duration),
          weight: Type.Optional(integer(1, 10_000, 'the share against others')),
          cpus: Type.Optional(
            Type.String({ pattern: '^[0-9]+(-[0-9]+)?(,[0-9]+(-[0-9]+)?)*$', description: 'a list such as "0-3,6"' }),
          ),
        },
        closed,
      ),
    ),
    memory: Type.Optional(
      Type.Object(
        {
          max: Type.Optional(Limit),
          high: Type.Optional(Limit),
          low: Type.Optional(Limit),
          min: Type.Optional(Limit),
          swapMax: Type.Optional(Limit),
          oomGroup: Type.Optional(Type.Boolean({ description: 'true or false' })),
        },
        closed,
      ),
    ),
    io: Type.Optional(
      Type.Array(
        Type.Object(
          {
            device: Type.String({
              pattern: '^(/dev/[^\\u0000]+|[0-9]+:[0-9]+)$',
              description: 'a block device such as "/dev/vda" or "254:0"',
            }),
            rbps: Type.Optional(Rate),
            wbps: Type.Optional(Rate),
            riops: Type.Optional(Operations),
            wiops: Type.Optional(Operations),
          },
          closed,
        ),
        { maxItems: 64, description: 'a list of {"device", "rbps"?, "wbps"?, "riops"?, "wiops"?}' },
      ),
    ),
    pids: Type.Optional(
      Type.Union([Type.Literal('max'), Type.Integer({ minimum: 1, maximum: 4_194_304 })], {
        description: 'processes and threads as an integer from 1 to 4194304, or "max"',
      }),
    ),
  },
  { ...closed, title: 'ResourcesInput' },
);
