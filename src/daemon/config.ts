import { readFileSync } from 'node:fs';
import { type Static, Type } from 'typebox';
import { type FieldProblem, messageOf, NiwaError } from '../errors.js';
import type { ImageLimits } from '../images/limits.js';
import type { LogLimits } from '../logs/store.js';
import { parseSubnet, parseSubnet6 } from '../network/addresses.js';
import type { NetworkSettings } from '../network/lease.js';
import {
  DEFAULT_CGROUP,
  DEFAULT_ID_POOL,
  DEFAULT_NETWORK,
  DEFAULT_RUN_DIR,
  DEFAULT_SOCKET,
  DEFAULT_STATE_DIR,
} from '../paths.js';
import { Hooks } from '../protocol/spec/hooks.js';
import type { HooksInput } from '../protocol/spec.js';
import { BYTES_PATTERN } from '../protocol/units.js';
import { type BoundsInput, DEFAULT_BOUNDS, DEFAULT_CEILINGS, SHARE_PATTERN } from '../spec/ceilings.js';
import { problemsOf } from '../spec/check.js';
import { hookProblems } from '../spec/hooks.js';
import { refuse, show } from '../spec/problems.js';
import { IDS_PER_CONTAINER } from '../spec/spec.js';
import { parseYaml } from '../spec/yaml.js';
import { IdRanges, rangeProblems } from './id-ranges.js';

const path = (description: string) =>
  Type.String({ pattern: '^/[^\\u0000]*$', description: `an absolute path: ${description}` });

const MAX_ID = 4294967294;
const MAX_RANGES = 65_000;

const size = (description: string) =>
  Type.Optional(
    Type.Union(
      [
        Type.Null(),
        Type.Integer({ minimum: 1024 * 1024 }),
        Type.String({ pattern: BYTES_PATTERN }),
        Type.String({ pattern: SHARE_PATTERN }),
      ],
      {
        description: `${description}: bytes such as "512M", a share of the host's memory such as "80%", or null for no bound`,
      },
    ),
  );

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

const Allow = Type.Object(
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
    idRanges: Type.Optional(IdRanges),
  },
  {
    additionalProperties: false,
    description:
      '{"roots"?, "sources"?, "hooks"?, "privileged"?, "drain"?, "idRanges"?}: what callers other than root may ask for',
  },
);

/** What /etc/niwa/niwad.yaml may say. */
const FileSchema = Type.Object(
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
      Type.Union([Type.String({ pattern: '^[A-Za-z0-9_.-]+$' }), Type.Integer({ minimum: 0 })], {
        description: 'the name or number of the group that may use the socket beside root',
      }),
    ),
    readGroup: Type.Optional(
      Type.Union([Type.String({ pattern: '^[A-Za-z0-9_.-]+$' }), Type.Integer({ minimum: 0 })], {
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
                const prefix = parseSubnet(text)?.prefix ?? 0;
                return prefix >= 12 && prefix <= 30;
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
    keepExited: Type.Optional(Type.Integer({ minimum: 0, maximum: 100_000, description: 'a number from 0 to 100000' })),
  },
  { additionalProperties: false },
);

/** The settings of a daemon. */
export interface Config {
  socket: string;
  runDir: string;
  stateDir: string;
  cgroup: string;
  logLevel: string;
  group: string | number | null;
  readGroup: string | number | null;
  allow: Static<typeof Allow>;
  defaults: Required<BoundsInput>;
  ceilings: Required<BoundsInput>;
  /** The hooks of every container. */
  hooks: HooksInput;
  drain: boolean;
  maxConnections: number;
  connectionsPerUser: number;
  requestsPerSecond: number;
  sampleIntervalMs: number;
  interimIntervalMs: number;
  keepExited: number;
  logs: LogLimits;
  images: ImageLimits;
  idPool: { start: number; count: number };
  network: NetworkSettings;
}

const DEFAULTS: Config = {
  socket: DEFAULT_SOCKET,
  runDir: DEFAULT_RUN_DIR,
  stateDir: DEFAULT_STATE_DIR,
  cgroup: DEFAULT_CGROUP,
  logLevel: 'info',
  group: null,
  readGroup: null,
  allow: {},
  defaults: DEFAULT_BOUNDS,
  ceilings: DEFAULT_CEILINGS,
  hooks: {},
  drain: false,
  maxConnections: 1024,
  connectionsPerUser: 512,
  requestsPerSecond: 1000,
  sampleIntervalMs: 1000,
  interimIntervalMs: 600_000,
  keepExited: 1000,
  logs: { maxBytes: 16 * 1024 * 1024, maxFiles: 4, bytesPerSecond: 32 * 1024 * 1024 },
  images: { maxBytes: 16 * 1024 ** 3, maxEntries: 1_000_000 },
  idPool: DEFAULT_ID_POOL,
  network: DEFAULT_NETWORK,
};

/**
 * Puts the settings together: flags and environment (`given`) over the file over the defaults. The socket is in the run
 * directory unless it is named.
 * @param given a field that is undefined was not given
 * @param file the text of the configuration file, "" where there is none
 * @throws NiwaError SPEC_INVALID with each wrong field
 */
export function mergeConfig(given: { [K in keyof Config]?: Config[K] | undefined }, file: string): Config {
  const fromFile = parseYaml(file, 'the configuration file') ?? {};
  refuse('the configuration file', [...problemsOf(FileSchema, fromFile), ...poolProblems(fromFile)]);
  refuse('the configuration file', [...hookProblems((fromFile as Partial<Config>).hooks ?? {})]);
  const flags = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  refuse('the command line', [...problemsOf(FileSchema, flags), ...poolProblems(flags)]);
  const merged = { ...DEFAULTS, ...(fromFile as Static<typeof FileSchema>), ...flags } as Config;
  merged.defaults = { ...DEFAULTS.defaults, ...merged.defaults };
  merged.ceilings = { ...DEFAULTS.ceilings, ...merged.ceilings };
  merged.logs = { ...DEFAULTS.logs, ...merged.logs };
  merged.images = { ...DEFAULTS.images, ...merged.images };
  merged.network = { ...DEFAULTS.network, ...merged.network };
  refuse('the configuration', rangeProblems(merged.allow.idRanges ?? {}, merged.idPool));
  const named = 'socket' in flags || 'socket' in (fromFile as object);
  return named ? merged : { ...merged, socket: `${merged.runDir}/niwad.sock` };
}

/** The last range has to end below 2^32 - 1, which is no id. */
function poolProblems(settings: unknown): FieldProblem[] {
  const { start, count } = (settings as Partial<Config>).idPool ?? {};
  if (typeof start !== 'number' || typeof count !== 'number') return [];
  const most = Math.floor((MAX_ID + 1 - start) / IDS_PER_CONTAINER);
  if (count <= most || count > MAX_RANGES) return [];
  return [{ path: 'idPool.count', found: show(count), allowed: `at most ${most} ranges from ${start} on` }];
}

/**
 * Reads the configuration file.
 * @param required a file that was named has to be there, the default one has not
 * @throws NiwaError HOST_ERROR
 */
export function readConfigFile(path: string, required: boolean): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (!required && (error as NodeJS.ErrnoException).code === 'ENOENT') return '';
    throw new NiwaError('HOST_ERROR', `cannot read the configuration ${path}: ${messageOf(error)}`, { cause: error });
  }
}
