import { statSync } from 'node:fs';
import type { ArgumentsCamelCase, Argv } from 'yargs';
import type { ResourcesInput, SpecInput } from '../protocol/spec.js';
import type { Common } from './command.js';
import { numberOr, wrong } from './values.js';

/** The flags that change limits, in the form of yargs. */
export type LimitOptions = Partial<ArgumentsOf<typeof withLimits>>;
/** The flags of a spec, in the form of yargs. */
export type SpecOptions = Partial<ArgumentsOf<typeof withSpec>>;

type ArgumentsOf<F extends (yargs: Argv<Common>) => Argv<unknown>> =
  ReturnType<F> extends Argv<infer O> ? ArgumentsCamelCase<O> : never;

/** An option with one value. */
const text = (describe: string) => ({ type: 'string', describe }) as const;
/** An option that may be repeated. */
const texts = (describe: string) => ({ type: 'string', array: true, nargs: 1, describe }) as const;
const flag = (describe: string) => ({ type: 'boolean', describe }) as const;

/** Declares the flags of limits. */
export function withLimits<O extends Common>(yargs: Argv<O>) {
  return yargs
    .option('cpus', text('processor time: 0.5 is half of one processor; max for no limit'))
    .option('memory', text('memory in bytes, such as 64M; max for no limit'))
    .option('pids', text('number of processes and threads; max for no limit'))
    .option('io-rbps', texts('DEVICE:RATE: bytes per second read from a disk, such as /dev/vda:10M'))
    .option('io-wbps', texts('DEVICE:RATE: bytes per second written to a disk'));
}

/** Declares the flags of a spec, and the container's command as positional words. */
export function withSpec<O extends Common>(yargs: Argv<O>) {
  const file = 'read the spec from this YAML or JSON file (- for standard input); flags replace its fields';
  const root =
    "a directory, or a squashfs or erofs file, that becomes / (default: the host's / under a private overlay)";
  const image = 'the image to run: its files become /, its command, user and environment are defaults';
  const init = 'run a small init as the first process: it reaps processes and forwards signals';
  const network = 'none (only a loopback device), bridge, host, container:ID, or the path of a network namespace';
  const port = '[ADDRESS:]HOST_PORT:CONTAINER_PORT[/udp]: forward a port of the host; sets --network bridge';
  const volume = 'SOURCE:TARGET[:ro][,rslave][,idmap=false]: mount a directory or file of the host';
  return withLimits(
    yargs
      .positional('command', { type: 'string', array: true, describe: 'the program and its arguments' })
      .option('file', { alias: 'f', ...text(file) })
      .option('name', text('the id of the container (default: a random one)'))
      .option('lifetime', text('stop the container this long after its start, such as 90s'))
      .option('jitter', text('shorten the lifetime by a random time of at most this'))
      .option('root', text(root))
      .option('image', text(image))
      .option('entrypoint', text("run this program instead of the image's entrypoint"))
      .option('read-only', flag('make the root read-only'))
      .option('init', flag(init))
      .option('env', { alias: 'e', ...texts('NAME=VALUE: an environment variable') })
      .option('label', { alias: 'l', ...texts('NAME=VALUE: a label') })
      .option('owner', text('the customer or account for which the usage is counted'))
      .option('tty', { alias: 't', ...flag('give the container a terminal') })
      .option('network', text(network))
      .option('publish', { alias: 'p', ...texts(port) })
      .option('network-group', text('containers of the same group reach each other over the bridge'))
      .option('rate-in', text('the most bytes per second that the container receives over the bridge, such as 10M'))
      .option('rate-out', text('the most bytes per second that the container sends over the bridge'))
      .option('user', { alias: 'u', ...text('USER or USER:GROUP, as numbers or names') })
      .option('workdir', { alias: 'w', ...text('the working directory') })
      .option('hostname', text('the host name in the container (default: the id)'))
      .option('volume', { alias: 'v', ...texts(volume) })
      .option('tmpfs', texts('TARGET[:size=BYTES]: mount a file system in memory'))
      .option('ready', text('the readiness check: tcp:PORT or http:PORT/PATH'))
      .option('stop-signal', text('the signal that asks the container to end (SIGTERM)'))
      .option('stop-timeout', text('the time between the stop signal and SIGKILL (10s)')),
  );
}

/**
 * Makes a spec from the flags and the container's command, on top of `base`. Fields without a flag are left as in
 * `base`.
 * @param words the container's command
 * @param base the spec of a file
 * @throws NiwaError SPEC_INVALID if the value of a flag does not follow its grammar
 */
export function toSpec(options: SpecOptions, words: string[], base: Partial<SpecInput> = {}): SpecInput {
  const resources = toResources(options);
  return defined({
    ...base,
    id: options.name ?? base.id,
    process: merged(base.process ?? {}, {
      args: words.length > 0 ? words : undefined,
      entrypoint: options.entrypoint === undefined ? undefined : [options.entrypoint],
      env: merged(base.process?.env, pairs('--env', options.env)),
      cwd: options.workdir,
      user: options.user,
      tty: options.tty,
    }),
    root: merged(options.root === undefined && options.image === undefined ? base.root : withoutSource(base.root), {
      ...rootFrom(options.root),
      image: options.image,
      readonly: options.readOnly,
    }),
    hostname: options.hostname ?? base.hostname,
    mounts: appended(base.mounts, [...(options.volume ?? []).map(toVolume), ...(options.tmpfs ?? []).map(toTmpfs)]),
    namespaces: merged(base.namespaces, { network: toNetwork(options.network) }),
    network: bridged(base.network, options),
    resources: resources === undefined ? base.resources : mergedLimits(base.resources, resources),
    lifetime: options.lifetime ?? base.lifetime,
    jitter: options.jitter ?? base.jitter,
    stopSignal: options.stopSignal ?? base.stopSignal,
    stopTimeout: options.stopTimeout ?? base.stopTimeout,
    init: options.init ?? base.init,
    labels: merged(base.labels, pairs('--label', options.label)),
    owner: options.owner ?? base.owner,
    ready: toReady(options.ready, base.ready),
  }) as SpecInput;
}

/** Makes limits from the flags; undefined if no flag is given. */
export function toResources(options: LimitOptions): ResourcesInput | undefined {
  const io = [...toIo('rbps', options.ioRbps), ...toIo('wbps', options.ioWbps)];
  const resources = defined({
    cpu: merged(undefined, { max: numberOr(options.cpus) }),
    memory: merged(undefined, { max: options.memory }),
    pids: numberOr(options.pids),
    io: io.length > 0 ? io : undefined,
  });
  return Object.keys(resources).length > 0 ? (resources as ResourcesInput) : undefined;
}

function mergedLimits(base: SpecInput['resources'], flags: ResourcesInput): ResourcesInput | undefined {
  return merged(base, {
    ...flags,
    cpu: merged(base?.cpu, flags.cpu ?? {}),
    memory: merged(base?.memory, flags.memory ?? {}),
    io: appended(base?.io, flags.io ?? []),
  });
}

/** Reads DEVICE:RATE. The rate is after the last colon, because a device path may contain colons. */
function toIo(limit: 'rbps' | 'wbps', values: string[] = []): NonNullable<ResourcesInput['io']> {
  return values.map((value) => {
    const colon = value.lastIndexOf(':');
    if (colon <= 0) wrong(`--io-${limit}`, value, 'DEVICE:RATE, such as /dev/vda:10M');
    return { device: value.slice(0, colon), [limit]: value.slice(colon + 1) };
  });
}

/**
 * The field for a root: a file is an image, any other path is a directory. If the path cannot be read, niwad refuses it
 * later.
 */
function rootFrom(path: string | undefined): NonNullable<SpecInput['root']> {
  if (path === undefined) return {};
  return isFile(path) ? { file: path } : { path };
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

function withoutSource(root: SpecInput['root']): SpecInput['root'] {
  if (!isObject(root)) return root;
  const { path, file, image, ...rest } = root;
  return rest;
}

type MountInput = NonNullable<SpecInput['mounts']>[number];

const VOLUME_OPTIONS = new Map<string, object>([
  ['ro', { readonly: true }],
  ['rw', { readonly: false }],
  ['rslave', { propagation: 'rslave' }],
  ['idmap=true', { idmap: true }],
  ['idmap=false', { idmap: false }],
]);

function toVolume(value: string): MountInput {
  const [source, target, words, ...rest] = value.split(':');
  const options = words === undefined ? [] : words.split(',').map((word) => VOLUME_OPTIONS.get(word));
  if (source === undefined || target === undefined || rest.length > 0 || options.includes(undefined))
    return wrong(
      '--volume',
      value,
      `SOURCE:TARGET, or SOURCE:TARGET:OPTION,... of ${[...VOLUME_OPTIONS.keys()].join(', ')}`,
    );
  return Object.assign({ type: 'bind', source, target, readonly: false }, ...options);
}

function toTmpfs(value: string): MountInput {
  const [, target, size] = /^([^:]+)(?::size=([^:]+))?$/.exec(value) ?? [];
  if (target === undefined) return wrong('--tmpfs', value, 'TARGET or TARGET:size=BYTES, such as /tmp:size=16M');
  return defined({ type: 'tmpfs', target, size }) as MountInput;
}

/**
 * Makes the readiness check. A check from the flags replaces the check of the base, but keeps the times of the base.
 */
function toReady(value: string | undefined, base: SpecInput['ready']): object | undefined {
  if (value === undefined || (base !== undefined && !isObject(base))) return base;
  const { tcp: _, http: __, ...times } = base ?? {};
  const [, kind, port, path] = /^(tcp|http):([0-9]{1,5})(\/.*)?$/.exec(value) ?? [];
  if (kind === 'http') return { ...times, http: { port: Number(port), path: path ?? '/' } };
  if (kind === undefined || path !== undefined) wrong('--ready', value, 'tcp:PORT or http:PORT/PATH');
  return { ...times, tcp: Number(port) };
}

function toNetwork(network: string | undefined): string | undefined {
  if (network === undefined || network === 'host' || /^(\/|container:)/.test(network)) return network;
  if (network === 'none' || network === 'bridge') return 'new';
  return wrong('--network', network, 'none, bridge, host, container:ID, or the path of a network namespace');
}

/** Makes the network. A flag that only makes sense on the bridge puts the container on the bridge. */
function bridged(base: SpecInput['network'], options: SpecOptions): SpecInput['network'] {
  if (options.network !== undefined && options.network !== 'bridge') base = undefined;
  const { publish = [], networkGroup, rateIn, rateOut } = options;
  return merged(base, {
    mode: options.network === 'bridge' ? 'bridge' : undefined,
    ports: appended(base?.ports, publish),
    group: networkGroup,
    rate: merged(base?.rate, { in: rateIn, out: rateOut }),
  });
}

/**
 * Reads NAME=VALUE.
 * @param flag the name of the flag, for the error
 * @param values empty if the flag is not given
 * @throws NiwaError SPEC_INVALID
 */
export function pairs(flag: string, values: string[] = []): Record<string, string> {
  return Object.fromEntries(
    values.map((value) => {
      const equals = value.indexOf('=');
      return equals > 0 ? [value.slice(0, equals), value.slice(equals + 1)] : wrong(flag, value, 'NAME=VALUE');
    }),
  );
}

// The content of a spec file is not checked here, but by niwad. A value of a wrong type is left as it is, so that niwad
// refuses it.

/** Puts the given fields over a base; undefined if there are neither fields nor base. */
function merged<T extends object>(base: T | undefined, fields: object): T | undefined {
  if (!isMissing(base) && !isObject(base)) return base;
  const given = defined(fields);
  return isMissing(base) && Object.keys(given).length === 0 ? undefined : ({ ...base, ...given } as T);
}

/** Appends items to those of a base; undefined if there are neither items nor base. */
function appended<T>(base: T[] | undefined, items: T[]): T[] | undefined {
  if (isMissing(base)) return items.length === 0 ? undefined : items;
  return Array.isArray(base) ? [...base, ...items] : base;
}

/** YAML gives null for a field without a value, so null counts as missing. */
function isMissing(value: unknown): value is undefined {
  return value === undefined || value === null;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function defined<T extends object>(object: T): T {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T;
}
