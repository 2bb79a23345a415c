import { type Static, Type } from 'typebox';
import { Hooks } from '../protocol/spec/hooks.js';
import { BYTES_PATTERN, parseBytes } from '../protocol/units.js';
import { parseSubnet, parseSubnet6 } from '../spec/addresses.js';
import { SHARE_PATTERN } from '../spec/ceilings.js';
import { LAST_ID } from '../spec/ids.js';
import { parseListen } from '../spec/listen.js';
import { IdRanges } from './id-ranges.js';

/** The schema of niwad's configuration. Each `description` completes the sentence "allowed: ..." of an error. */

const path = (description: string) =>
  Type.String({ pattern: '^/[^\\u0000]*$', description: `an absolute path: ${description}` });

/** The most ranges of ids in a pool. */
export const MAX_RANGES = 65_000;
/** Annotations of crun, by the ends of their names. */
const OF_CRUN = ['keep_original_groups', 'seccomp_fail_unknown_syscall'] as const;

/** The lowest limit of memory that a setting may have. */
const MIN_BOUND_BYTES = 1024 * 1024;

const size = (description: string) =>
  Type.Optional(
    Type.Union(
      [
        Type.Null(),
        Type.Integer({ minimum: MIN_BOUND_BYTES }),
        Type.Refine(Type.String({ pattern: BYTES_PATTERN }), (text) => isAtLeast(text, MIN_BOUND_BYTES)),
        Type.String({ pattern: SHARE_PATTERN }),
      ],
      {
        description: `${description}: at least 1M, such as "512M", a share of the host's memory such as "80%", or null for no bound`,
      },
    ),
  );

function isAtLeast(size: string, leastBytes: number): boolean {
  const bytes = parseBytes(size);
  return bytes !== undefined && bytes >= leastBytes;
}

function isTcpAddress(text: string): boolean {
  return parseListen(text) !== null && !text.includes('/');
}

const bounds = (description: string) =>
  Type.Object(
    {
      pids: Type.Optional(
        Type.Union([Type.Null(), Type.Integer({ minimum: 1, maximum: 4_194_304 })], {
          description: 'processes and threads, 1 to 4194304, or null for no bound',
        }),
      ),
      memory: size('memory'),
      tmpfs: size('each tmpfs'),
    },
    { additionalProperties: false, description: `{"pids"?, "memory"?, "tmpfs"?}: ${description}` },
  );

/** What callers other than root may ask for. */
export const Allow = Type.Object(
  {
    roots: Type.Optional(Type.Array(path('roots may be below it'), { description: 'a list of directories' })),
    sources: Type.Optional(
      Type.Array(path('sources of bind mounts may be below it'), { description: 'a list of directories' }),
    ),
    hooks: Type.Optional(
      Type.Array(path('programs of hooks may be below it'), { description: 'a list of directories' }),
    ),
    privileged: Type.Optional(
      Type.Boolean({ description: 'true or false: whether callers other than root may switch protections off' }),
    ),
    drain: Type.Optional(
      Type.Boolean({ description: 'true or false: whether callers other than root may drain the node' }),
    ),
    volumes: Type.Optional(
      Type.Boolean({ description: 'true or false: whether callers other than root may have named volumes' }),
    ),
    idRanges: Type.Optional(IdRanges),
  },
  {
    additionalProperties: false,
    description:
      '{"roots"?, "sources"?, "hooks"?, "privileged"?, "drain"?, "volumes"?, "idRanges"?}: what callers other than root may ask for',
  },
);

/** The settings that /etc/niwa/niwad.yaml may have. */
export const FileSchema = Type.Object(
  {
    socket: Type.Optional(path('the socket of the API')),
    runDir: Type.Optional(path('what lives as long as the machine is up')),
    stateDir: Type.Optional(path('what is kept: the ledger and the logs')),
    cgroup: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9][A-Za-z0-9_.@:-]*(/[A-Za-z0-9][A-Za-z0-9_.@:-]*)*$',
        description: 'a path below the cgroup2 mount, such as "niwa", or "self" for the group of niwad itself',
      }),
    ),
    logLevel: Type.Optional(
      Type.Union(
        ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'].map((level) => Type.Literal(level)),
        { description: 'fatal, error, warn, info, debug, trace or silent' },
      ),
    ),
    group: Type.Optional(
      Type.Union([Type.String({ pattern: '^[A-Za-z0-9_.-]+$' }), Type.Integer({ minimum: 0, maximum: LAST_ID })], {
        description: 'the name or number of the group that may use the socket beside root',
      }),
    ),
    readGroup: Type.Optional(
      Type.Union([Type.String({ pattern: '^[A-Za-z0-9_.-]+$' }), Type.Integer({ minimum: 0, maximum: LAST_ID })], {
        description: 'the name or number of the group that may look but not act',
      }),
    ),
    allow: Type.Optional(Allow),
    defaults: Type.Optional(bounds('what a container gets whose spec sets no bound')),
    ceilings: Type.Optional(bounds('the most that callers other than root may ask for')),
    hooks: Type.Optional(Hooks),
    drain: Type.Optional(
      Type.Boolean({ description: 'true or false: whether a stop of niwad waits for every container to end' }),
    ),
    maxConnections: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 100_000, description: 'a number from 1 to 100000' }),
    ),
    connectionsPerUser: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 100_000, description: 'a number from 1 to 100000, for each user but root' }),
    ),
    requestsPerSecond: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 1_000_000,
        description: 'a number from 1 to 1000000, for each user but root',
      }),
    ),
    metricsListen: Type.Optional(
      Type.Union([Type.Null(), Type.Refine(Type.String(), isTcpAddress)], {
        description: 'an address and a port, such as "127.0.0.1:9469" or "[::1]:9469", or null for none',
      }),
    ),
    sampleIntervalMs: Type.Optional(
      Type.Integer({ minimum: 100, maximum: 60_000, description: 'milliseconds from 100 to 60000' }),
    ),
    interimIntervalMs: Type.Optional(
      Type.Integer({ minimum: 1000, maximum: 86_400_000, description: 'milliseconds from 1000 to 86400000' }),
    ),
    idPool: Type.Optional(
      Type.Object(
        {
          start: Type.Integer({ minimum: 65_536, maximum: 0x7fff_0000, description: 'a host id from 65536 on' }),
          count: Type.Integer({ minimum: 1, maximum: MAX_RANGES, description: 'how many containers, 1 to 65000' }),
        },
        { additionalProperties: false, description: '{"start": HOST_ID, "count": RANGES}, ranges of 65536 ids' },
      ),
    ),
    logs: Type.Optional(
      Type.Object(
        {
          maxBytes: Type.Optional(
            Type.Integer({
              minimum: 64 * 1024,
              maximum: 2 ** 40,
              description: 'bytes of each container, 65536 to 2^40',
            }),
          ),
          maxFiles: Type.Optional(Type.Integer({ minimum: 2, maximum: 16, description: 'a number from 2 to 16' })),
          bytesPerSecond: Type.Optional(
            Type.Union([Type.Literal(0), Type.Integer({ minimum: 4096, maximum: 2 ** 40 })], {
              description: 'bytes a second of each container, 4096 to 2^40, or 0 for no limit',
            }),
          ),
        },
        {
          additionalProperties: false,
          description: '{"maxBytes"?, "maxFiles"?, "bytesPerSecond"?}: how much output is stored',
        },
      ),
    ),
    images: Type.Optional(
      Type.Object(
        {
          maxBytes: Type.Optional(
            Type.Integer({
              minimum: 1024 * 1024,
              maximum: 2 ** 50,
              description: 'bytes of each image, 1048576 to 2^50',
            }),
          ),
          maxEntries: Type.Optional(
            Type.Integer({ minimum: 1, maximum: 100_000_000, description: 'files of each image, 1 to 100000000' }),
          ),
        },
        { additionalProperties: false, description: '{"maxBytes"?, "maxEntries"?}: how large an image may be' },
      ),
    ),
    network: Type.Optional(
      Type.Object(
        {
          bridge: Type.Optional(
            Type.String({
              pattern: '^[a-z][a-z0-9]{0,8}$',
              description: 'the name of the bridge: up to 9 lower-case letters and digits, the first a letter',
            }),
          ),
          subnet: Type.Optional(
            Type.Refine(
              Type.String({ description: 'an IPv4 subnet such as "10.209.0.0/16", of a prefix from 12 to 30' }),
              (text) => {
                const subnet = parseSubnet(text);
                return subnet !== undefined && subnet.prefix >= 12 && subnet.prefix <= 30;
              },
            ),
          ),
          subnet6: Type.Optional(
            Type.Union([Type.Null(), Type.Refine(Type.String(), (text) => parseSubnet6(text) !== undefined)], {
              description: 'an IPv6 subnet such as "fd00:88::/64", of a prefix of 64, or null for none',
            }),
          ),
          mtu: Type.Optional(
            Type.Integer({ minimum: 1280, maximum: 65_535, description: 'a number from 1280 to 65535' }),
          ),
          connectionsPerContainer: Type.Optional(
            Type.Integer({
              minimum: 0,
              maximum: 10_000_000,
              description: 'a number from 1 to 10000000, or 0 for no bound',
            }),
          ),
        },
        {
          additionalProperties: false,
          description:
            '{"bridge"?, "subnet"?, "subnet6"?, "mtu"?, "connectionsPerContainer"?}: the network of bridged containers',
        },
      ),
    ),
    pools: Type.Optional(
      Type.Object(
        {
          perUser: Type.Optional(
            Type.Integer({
              minimum: 0,
              maximum: 10_000,
              description: 'a number from 0 to 10000, for each user but root',
            }),
          ),
          readyPerUser: Type.Optional(
            Type.Integer({
              minimum: 0,
              maximum: 10_000,
              description: 'a number from 0 to 10000, for each user but root',
            }),
          ),
          maxAgeMs: Type.Optional(
            Type.Integer({ minimum: 1000, maximum: 604_800_000, description: 'milliseconds from 1000 to 604800000' }),
          ),
        },
        {
          additionalProperties: false,
          description: '{"perUser"?, "readyPerUser"?, "maxAgeMs"?}: containers that are made ahead',
        },
      ),
    ),
    oci: Type.Optional(
      Type.Object(
        {
          annotations: Type.Optional(
            Type.Array(Type.Enum(['lifetime', 'jitter', 'stop-signal', 'owner', 'label', 'property', ...OF_CRUN]), {
              description: `a list of lifetime, jitter, stop-signal, owner, label, property, ${OF_CRUN.join(' and ')}`,
            }),
          ),
        },
        {
          additionalProperties: false,
          description: '{"annotations"?}: what the annotations of containers of engines may set',
        },
      ),
    ),
    keepExited: Type.Optional(Type.Integer({ minimum: 0, maximum: 100_000, description: 'a number from 0 to 100000' })),
  },
  { additionalProperties: false },
);

/** Settings as a file or a command line has them. */
export type Settings = Static<typeof FileSchema>;
