import { readFileSync } from 'node:fs';
import type { Static } from 'typebox';
import type { ImageLimits } from '../images/limits.js';
import {
  DEFAULT_CGROUP,
  DEFAULT_ID_POOL,
  DEFAULT_NETWORK,
  DEFAULT_RUN_DIR,
  DEFAULT_SOCKET,
  DEFAULT_STATE_DIR,
} from '../installation/defaults.js';
import type { LogBounds } from '../kernel/containers.js';
import type { NetworkSettings } from '../network/lease.js';
import type { Annotation } from '../oci/spec.js';
import { type FieldProblem, messageOf, NiwaError } from '../protocol/errors.js';
import type { HooksInput } from '../protocol/spec.js';
import { type BoundsInput, DEFAULT_BOUNDS, DEFAULT_CEILINGS } from '../spec/ceilings.js';
import { problemsOf } from '../spec/check.js';
import { hookProblems } from '../spec/hooks.js';
import { IDS_PER_CONTAINER, LAST_ID } from '../spec/ids.js';
import { requireNoProblems, show } from '../spec/problems.js';
import { parseYaml } from '../spec/yaml.js';
import { type Allow, FileSchema, MAX_RANGES, type Settings } from './config-schema.js';
import { rangeProblems } from './id-ranges.js';

/** All settings of a daemon, with the defaults filled in. */
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
  /** The hooks that run for every container. */
  hooks: HooksInput;
  drain: boolean;
  maxConnections: number;
  connectionsPerUser: number;
  requestsPerSecond: number;
  /** The TCP address at which metrics are read, such as "127.0.0.1:9469"; null for none. */
  metricsListen: string | null;
  sampleIntervalMs: number;
  interimIntervalMs: number;
  keepExited: number;
  logs: LogBounds;
  images: ImageLimits;
  idPool: { start: number; count: number };
  network: NetworkSettings;
  pools: PoolSettings;
  /** Containers of engines: which annotations have an effect. */
  oci: { annotations: readonly Annotation[] };
}

/** The bounds of what is made ahead. */
export interface PoolSettings {
  /** How many pools each user but root may have. */
  perUser: number;
  /** How many containers of each user but root are made ahead, for pools and for services together. */
  readyPerUser: number;
  /** How long a container waits at most; then it is replaced. */
  maxAgeMs: number;
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
  metricsListen: null,
  sampleIntervalMs: 1000,
  interimIntervalMs: 600_000,
  keepExited: 1000,
  logs: { maxBytes: 16 * 1024 * 1024, maxFiles: 4, bytesPerSecond: 32 * 1024 * 1024 },
  images: { maxBytes: 16 * 1024 ** 3, maxEntries: 1_000_000 },
  idPool: DEFAULT_ID_POOL,
  network: DEFAULT_NETWORK,
  pools: { perUser: 16, readyPerUser: 32, maxAgeMs: 3_600_000 },
  oci: { annotations: ['lifetime', 'jitter', 'stop-signal'] },
};

/**
 * Puts the settings together. Flags and environment (`given`) come before the file, and the file before the defaults. A
 * socket that is not named is in the run directory.
 * @param given a field that is undefined was not given
 * @param file the text of the configuration file; "" where there is none
 * @throws NiwaError SPEC_INVALID with each wrong field
 */
export function mergeConfig(given: { [K in keyof Config]?: Config[K] | undefined }, file: string): Config {
  const settings = { ...parseFile(file), ...parseFlags(given) };
  const merged: Config = {
    ...DEFAULTS,
    ...settings,
    socket: settings.socket ?? `${settings.runDir ?? DEFAULTS.runDir}/niwad.sock`,
    defaults: { ...DEFAULTS.defaults, ...settings.defaults },
    ceilings: { ...DEFAULTS.ceilings, ...settings.ceilings },
    logs: { ...DEFAULTS.logs, ...settings.logs },
    images: { ...DEFAULTS.images, ...settings.images },
    network: { ...DEFAULTS.network, ...settings.network },
    pools: { ...DEFAULTS.pools, ...settings.pools },
    oci: { ...DEFAULTS.oci, ...settings.oci },
  };
  requireNoProblems('the configuration', rangeProblems(merged.allow.idRanges ?? {}, merged.idPool));
  return merged;
}

function parseFile(text: string): Settings {
  const settings = parseSettings('the configuration file', parseYaml(text, 'the configuration file') ?? {});
  requireNoProblems('the configuration file', hookProblems(settings.hooks ?? {}));
  return settings;
}

function parseFlags(given: object): Settings {
  const flags = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
  return parseSettings('the command line', flags);
}

function parseSettings(what: string, settings: unknown): Settings {
  requireNoProblems(what, [...problemsOf(FileSchema, settings), ...poolProblems(settings)]);
  return settings as Settings;
}

/** Finds an id pool whose last range goes beyond the last id. @param settings of any shape but null */
function poolProblems(settings: unknown): FieldProblem[] {
  const { start, count } = (settings as Partial<Config>).idPool ?? {};
  if (typeof start !== 'number' || typeof count !== 'number') return [];
  const most = Math.floor((LAST_ID + 1 - start) / IDS_PER_CONTAINER);
  if (count <= most || count > MAX_RANGES) return [];
  return [{ path: 'idPool.count', found: show(count), allowed: `at most ${most} ranges from ${start} on` }];
}

/**
 * Reads the configuration file; gives "" where it may be missing and is.
 * @param required true for a file that the user has named, which must exist; the default file may be missing
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
