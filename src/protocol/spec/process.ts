import { Type } from 'typebox';
import { Args, absolutePath, closed, MAX_INTEGER, text } from './values.js';

/** The process of a container, and its rights. */

const USER_PART = '([0-9]{1,10}|[A-Za-z_][A-Za-z0-9_.-]{0,254}\\$?)';

export const Process = Type.Object(
  {
    args: Type.Optional(Args),
    entrypoint: Type.Optional(
      Type.Array(text('a string without NUL'), {
        maxItems: 10_000,
        description: "a list of strings that takes the place of the image's entrypoint, before args",
      }),
    ),
    env: Type.Optional(
      Type.Record(Type.String({ pattern: '^[^=\\u0000]+$' }), text('a string without NUL'), {
        ...closed,
        description: 'an object of names and string values; a name is not empty and has no "=" or NUL',
      }),
    ),
    cwd: Type.Optional(absolutePath('the working directory')),
    user: Type.Optional(
      Type.Union(
        [Type.Integer({ minimum: 0, maximum: 4294967294 }), Type.String({ pattern: `^${USER_PART}(:${USER_PART})?$` })],
        { description: 'a user, or "user:group", by number or by a name that the root\'s own /etc/passwd has' },
      ),
    ),
    umask: Type.Optional(Type.String({ pattern: '^0?[0-7]{3}$', description: 'an octal string such as "0022"' })),
    tty: Type.Optional(Type.Boolean({ description: 'true or false: whether its standard streams are a terminal' })),
    stdin: Type.Optional(
      Type.Boolean({
        description:
          'true or false: whether its standard input is a pipe that the first client who attaches writes to, else /dev/null',
      }),
    ),
  },
  { ...closed, title: 'ProcessInput' },
);

export const RLIMIT_NAMES = [
  'cpu',
  'fsize',
  'data',
  'stack',
  'core',
  'rss',
  'nproc',
  'nofile',
  'memlock',
  'as',
  'locks',
  'sigpending',
  'msgqueue',
  'nice',
  'rtprio',
  'rttime',
] as const;
const RlimitValue = Type.Union([Type.Integer({ minimum: 0, maximum: MAX_INTEGER }), Type.Literal('unlimited')], {
  description: 'an integer or "unlimited"',
});
const Rlimit = Type.Union([...RlimitValue.anyOf, Type.Object({ soft: RlimitValue, hard: RlimitValue }, closed)], {
  description: 'an integer, "unlimited", or {"soft", "hard"} of these',
});
export const Rlimits = Type.Object(
  Object.fromEntries(RLIMIT_NAMES.map((name) => [name, Type.Optional(Rlimit)])) as Record<
    (typeof RLIMIT_NAMES)[number],
    ReturnType<typeof Type.Optional<typeof Rlimit>>
  >,
  { ...closed, title: 'RlimitsInput' },
);

/** The forms of a capability's name, in words for messages. */
export const CAPABILITY_WORDS = 'a name of capabilities(7) such as "NET_BIND_SERVICE", or "ALL"';
const CapabilityName = Type.String({
  pattern: '^(ALL|all|(CAP_|cap_)?[A-Za-z_]+)$',
  description: CAPABILITY_WORDS,
});
export const Capabilities = Type.Object(
  {
    add: Type.Optional(Type.Array(CapabilityName, { description: 'a list of capability names' })),
    drop: Type.Optional(Type.Array(CapabilityName, { description: 'a list of capability names' })),
  },
  { ...closed, title: 'CapabilitiesInput' },
);
