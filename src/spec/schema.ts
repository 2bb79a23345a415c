import { type Static, type TSchema, Type } from 'typebox';
import { NetworkSchema } from './network.js';
import { REFERENCE_PATTERN, REFERENCE_WORDS } from './reference.js';
import { SIGNAL_WORDS } from './signals.js';
import { BYTES_PATTERN, DURATION_PATTERN, DURATION_WORDS, parseBytes, parseDuration } from './units.js';

/**
 * What a user may write to describe a container: the one schema behind the validation, the types and the API document.
 * Each `description` completes the sentence "allowed: ..." of an error, so it says what to write.
 */

/** Above it, integers are not exact. */
const MAX_INTEGER = Number.MAX_SAFE_INTEGER;
const closed = { additionalProperties: false } as const;
const text = (description: string) => Type.String({ pattern: '^[^\\u0000]*$', description });
const absolutePath = (description: string) =>
  Type.String({ pattern: '^/[^\\u0000]*$', maxLength: 4095, description: `${description}: an absolute path` });
const integer = (minimum: number, maximum: number, description: string) =>
  Type.Integer({ minimum, maximum, description: `${description}: an integer from ${minimum} to ${maximum}` });
const BYTES = 'bytes as an integer, or a string such as "512M" or "1.5G", less than 8192T';
const ByteText = Type.Refine(Type.String({ pattern: BYTES_PATTERN }), (size) => parseBytes(size) !== undefined);
const Bytes = Type.Union([Type.Integer({ minimum: 0, maximum: MAX_INTEGER }), ByteText], { description: BYTES });
/** For the kernel a tmpfs of the size 0 has no bound at all (tmpfs(5)). */
const TmpfsBytes = Type.Union(
  [Type.Integer({ minimum: 1, maximum: MAX_INTEGER }), Type.Refine(ByteText, (size) => parseBytes(size) !== 0)],
  { description: `${BYTES}, and more than 0` },
);
const Limit = Type.Union([Type.Literal('max'), ...Bytes.anyOf], { description: `"max", or ${BYTES}` });
/** A span of time. */
export const Duration = Type.Union(
  [
    Type.Refine(Type.Number({ minimum: 0 }), (seconds) => parseDuration(seconds) !== undefined),
    Type.Refine(Type.String({ pattern: DURATION_PATTERN }), (text) => parseDuration(text) !== undefined),
  ],
  { description: DURATION_WORDS },
);
const Rate = Type.Union([Type.Literal('max'), ...Bytes.anyOf], {
  description: 'bytes a second as an integer or a string such as "10M", less than 8192T, or "max"',
});
const Operations = Type.Union([Type.Literal('max'), Type.Integer({ minimum: 1, maximum: MAX_INTEGER })], {
  description: 'operations a second as an integer, or "max"',
});

export const ID_PATTERN = '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$';
export const Id = Type.String({
  pattern: ID_PATTERN,
  description: '1 to 64 of the characters A-Z a-z 0-9 _ . - and the first a letter or a digit',
});

export const ARGS_WORDS = 'the program and its arguments: a list of at least one string';
/** A program and its arguments. */
export const Args = Type.Array(text('a string without NUL'), {
  minItems: 1,
  maxItems: 10_000,
  description: ARGS_WORDS,
});
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
  },
  closed,
);

const Root = Type.Object(
  {
    path: Type.Optional(absolutePath('the directory that becomes /; the host\'s own "/" where it is left out')),
    file: Type.Optional(absolutePath('a squashfs or erofs file that becomes /')),
    image: Type.Optional(Type.String({ pattern: REFERENCE_PATTERN, maxLength: 255, description: REFERENCE_WORDS })),
    readonly: Type.Optional(Type.Boolean({ description: 'true or false' })),
    overlay: Type.Optional(
      Type.Union(
        [
          Type.Boolean(),
          Type.Object(
            {
              size: Type.Optional(TmpfsBytes),
              directory: Type.Optional(absolutePath('a directory of the host that keeps what is written')),
            },
            closed,
          ),
        ],
        {
          description:
            'true (writes go to a private tmpfs that is lost at the end), {"size": "64M"} to bound it, {"directory": PATH} to keep them, or false',
        },
      ),
    ),
  },
  closed,
);

const IdMap = Type.Array(
  Type.Object(
    {
      container: integer(0, 4294967294, 'the first id in the container'),
      host: integer(0, 4294967294, 'the first id on the host'),
      size: integer(1, 4294967295, 'how many'),
    },
    closed,
  ),
  { minItems: 1, maxItems: 340, description: 'a list of {"container", "host", "size"}' },
);

const Mount = Type.Union(
  [
    Type.Object(
      {
        type: Type.Literal('bind', { description: '"bind" or "tmpfs"' }),
        source: absolutePath('the source on the host'),
        target: absolutePath('the target in the container'),
        idmap: Type.Optional(
          Type.Union([Type.Boolean(), Type.Object({ uids: IdMap, gids: IdMap }, closed)], {
            description:
              'true or false (whether files on the host keep the container\'s own ids), or {"uids": MAP, "gids": MAP} with the ids on disk as "host"',
          }),
        ),
        propagation: Type.Optional(
          Type.Union([Type.Literal('private'), Type.Literal('rslave')], { description: '"private" or "rslave"' }),
        ),
        readonly: Type.Optional(Type.Boolean({ description: 'true or false' })),
      },
      closed,
    ),
    Type.Object(
      {
        type: Type.Literal('tmpfs', { description: '"bind" or "tmpfs"' }),
        target: absolutePath('the target in the container'),
        size: Type.Optional(TmpfsBytes),
        readonly: Type.Optional(Type.Boolean({ description: 'true or false' })),
      },
      closed,
    ),
  ],
  {
    description:
      '{"type": "bind", "source": PATH, "target": PATH, "readonly"?: BOOLEAN, "idmap"?: BOOLEAN or MAPS, "propagation"?: "private" or "rslave"} or {"type": "tmpfs", "target": PATH, "size"?: BYTES, "readonly"?: BOOLEAN}',
  },
);

const Namespace = Type.Union([Type.Literal('new'), Type.Literal('host'), Type.String({ pattern: '^/[^\\u0000]*$' })], {
  description: '"new", "host", or the absolute path of a namespace such as /proc/42/ns/net',
});
const NetworkNamespace = Type.Union(
  [...Namespace.anyOf, Type.String({ pattern: '^container:[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$' })],
  { description: '"new", "host", "container:ID", or the absolute path of a namespace such as /proc/42/ns/net' },
);
const Namespaces = Type.Object(
  {
    mount: Type.Optional(Namespace),
    pid: Type.Optional(Namespace),
    network: Type.Optional(NetworkNamespace),
    ipc: Type.Optional(Namespace),
    uts: Type.Optional(Namespace),
    cgroup: Type.Optional(Namespace),
  },
  closed,
);

/** The limits, also what a live update takes. */
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
  closed,
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
  closed,
);

const CapabilityName = Type.String({
  pattern: '^(ALL|all|(CAP_|cap_)?[A-Za-z_]+)$',
  description: 'a name of capabilities(7) such as "NET_BIND_SERVICE", or "ALL"',
});
export const Capabilities = Type.Object(
  {
    add: Type.Optional(Type.Array(CapabilityName, { description: 'a list of capability names' })),
    drop: Type.Optional(Type.Array(CapabilityName, { description: 'a list of capability names' })),
  },
  closed,
);

/** A signal by name or number. */
export const Signal = Type.Union(
  [Type.Integer({ minimum: 1, maximum: 64 }), Type.String({ pattern: '^[A-Za-z0-9+-]+$' })],
  { description: SIGNAL_WORDS },
);

const LabelValue = Type.String({ maxLength: 4096, description: 'a string of at most 4096 characters' });

const Userns = Type.Union(
  [Type.Literal('auto'), Type.Literal('host'), Type.Object({ uids: IdMap, gids: IdMap }, closed)],
  { description: '"auto" (a range of host ids of its own), "host", or {"uids": MAP, "gids": MAP}' },
);

const SeccompAction = Type.Enum(
  [
    'SCMP_ACT_ALLOW',
    'SCMP_ACT_ERRNO',
    'SCMP_ACT_KILL',
    'SCMP_ACT_KILL_PROCESS',
    'SCMP_ACT_KILL_THREAD',
    'SCMP_ACT_LOG',
  ],
  { description: 'SCMP_ACT_ALLOW, _ERRNO, _KILL, _KILL_PROCESS, _KILL_THREAD or _LOG' },
);
const Errno = integer(0, 4095, 'an errno');
const Uint64 = integer(0, Number.MAX_SAFE_INTEGER, 'a number');

/** A profile of system calls in the form of the OCI runtime specification. */
export const SeccompProfile = Type.Object(
  {
    defaultAction: SeccompAction,
    defaultErrnoRet: Type.Optional(Errno),
    architectures: Type.Optional(
      Type.Array(Type.String({ description: 'a name such as SCMP_ARCH_X86_64' }), {
        description: 'a list of names such as SCMP_ARCH_X86_64',
      }),
    ),
    syscalls: Type.Optional(
      Type.Array(
        Type.Object(
          {
            names: Type.Array(
              Type.String({ pattern: '^[a-z0-9_]+$', description: 'the name of a system call, such as "openat"' }),
              { minItems: 1, description: 'a list of at least one system call' },
            ),
            action: SeccompAction,
            errnoRet: Type.Optional(Errno),
            args: Type.Optional(
              Type.Array(
                Type.Object(
                  {
                    index: integer(0, 5, 'an argument'),
                    value: Uint64,
                    valueTwo: Type.Optional(Uint64),
                    op: Type.Enum(
                      [
                        'SCMP_CMP_NE',
                        'SCMP_CMP_LT',
                        'SCMP_CMP_LE',
                        'SCMP_CMP_EQ',
                        'SCMP_CMP_GE',
                        'SCMP_CMP_GT',
                        'SCMP_CMP_MASKED_EQ',
                      ],
                      { description: 'SCMP_CMP_NE, _LT, _LE, _EQ, _GE, _GT or _MASKED_EQ' },
                    ),
                  },
                  closed,
                ),
                { maxItems: 6, description: 'a list of {"index", "value", "valueTwo"?, "op"}' },
              ),
            ),
          },
          closed,
        ),
        { maxItems: 2000, description: 'a list of {"names", "action", "errnoRet"?, "args"?}' },
      ),
    ),
  },
  closed,
);
export const Seccomp = Type.Union([Type.Literal('default'), Type.Literal('unconfined'), SeccompProfile], {
  description: '"default", "unconfined", or a profile in the form of the OCI runtime specification',
});
export type SeccompProfileInput = Static<typeof SeccompProfile>;

const HOOKS_PER_POINT = 16;
const hookFields = {
  args: Type.Array(text('a string without NUL'), {
    minItems: 1,
    maxItems: 1000,
    description: 'the program by its absolute path on the host, and its arguments',
  }),
  env: Process.properties.env,
  timeout: Type.Optional(Duration),
};
const hooksWith = <E extends TSchema>(onError: E) =>
  Type.Optional(
    Type.Array(Type.Object({ ...hookFields, onError: Type.Optional(onError) }, closed), {
      maxItems: HOOKS_PER_POINT,
      description: 'a list of up to 16 {"args", "env"?, "timeout"?, "onError"?}',
    }),
  );
const failable = hooksWith(Type.Enum(['fail', 'log'], { description: '"fail" (the start) or "log"' }));
const unfailable = hooksWith(
  Type.Enum(['log'], { description: '"log": nothing can be refused any more at this point' }),
);

/** Programs that the host runs at points of a container's life, also as niwad's configuration has them. */
export const Hooks = Type.Object(
  {
    beforeCreate: failable,
    afterNetwork: failable,
    afterStart: failable,
    onReady: unfailable,
    onStop: unfailable,
    afterExit: unfailable,
    onFailure: unfailable,
    interval: Type.Optional(
      Type.Array(Type.Object({ ...hookFields, every: Duration }, closed), {
        maxItems: HOOKS_PER_POINT,
        description: 'a list of up to 16 {"args", "every", "env"?, "timeout"?}',
      }),
    ),
  },
  closed,
);

/** How to find out whether a container is ready for its work. */
export const Ready = Type.Object(
  {
    tcp: Type.Optional(integer(1, 65_535, 'a port in the container')),
    http: Type.Optional(
      Type.Object(
        {
          port: integer(1, 65_535, 'a port in the container'),
          path: Type.String({ pattern: '^/[!-~]{0,2047}$', description: 'a path such as "/health", without spaces' }),
          status: Type.Optional(integer(100, 599, 'the status that it has to answer')),
        },
        { ...closed, description: '{"port", "path", "status"?}' },
      ),
    ),
    command: Type.Optional(Process.properties.args),
    every: Type.Optional(Duration),
    timeout: Type.Optional(Duration),
    onTimeout: Type.Optional(Type.Enum(['stop', 'log'], { description: '"stop" or "log"' })),
  },
  closed,
);

/** The whole spec of a container. */
export const SpecSchema = Type.Object(
  {
    id: Type.Optional(Id),
    process: Type.Optional(Process),
    root: Type.Optional(Root),
    hostname: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9]([A-Za-z0-9.-]{0,62}[A-Za-z0-9])?$',
        description: 'a host name of 1 to 64 letters, digits, points and hyphens',
      }),
    ),
    mounts: Type.Optional(Type.Array(Mount, { maxItems: 1000, description: 'a list of mounts' })),
    namespaces: Type.Optional(Namespaces),
    network: Type.Optional(NetworkSchema),
    resources: Type.Optional(Resources),
    rlimits: Type.Optional(Rlimits),
    capabilities: Type.Optional(Capabilities),
    userns: Type.Optional(Userns),
    seccomp: Type.Optional(Seccomp),
    devices: Type.Optional(
      Type.Array(
        Type.String({ pattern: '^/dev/[^\\u0000]+$', description: 'a device of the host such as "/dev/fuse"' }),
        {
          maxItems: 100,
          description: 'a list of devices beside the usual ones',
        },
      ),
    ),
    lifetime: Type.Optional(Duration),
    jitter: Type.Optional(Duration),
    stopSignal: Type.Optional(Signal),
    stopTimeout: Type.Optional(Duration),
    init: Type.Optional(Type.Boolean({ description: 'true or false' })),
    autoRemove: Type.Optional(Type.Boolean({ description: 'true or false' })),
    labels: Type.Optional(
      Type.Record(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_./-]{0,127}$' }), LabelValue, {
        ...closed,
        description:
          'an object of names (up to 128 letters, digits, _ . / -, the first a letter or digit) and string values',
      }),
    ),
    owner: Type.Optional(
      Type.String({
        pattern: '^[^\\u0000-\\u001f]{1,128}$',
        description: '1 to 128 characters, no control characters',
      }),
    ),
    oomScoreAdj: Type.Optional(integer(-1000, 1000, 'the preference of the OOM killer')),
    hooks: Type.Optional(Hooks),
    ready: Type.Optional(Ready),
  },
  closed,
);

type Written = Static<typeof SpecSchema>;
/** What a user writes. */
export type SpecInput = Omit<Written, 'process'> & { process?: Written['process'] | undefined };
/** Hooks as a user writes them. */
export type HooksInput = Static<typeof Hooks>;
/** The limits as a user writes them. */
export type ResourcesInput = Static<typeof Resources>;
