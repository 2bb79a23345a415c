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

/** Declares the flags of limits. */
export function withLimits<O extends Common>(yargs: Argv<O>) {
  return yargs
    .option('cpus', { type: 'string', describe: 'processors, such as 0.5, or max' })
    .option('memory', { type: 'string', describe: 'bytes, such as 64M, or max' })
    .option('pids', { type: 'string', describe: 'processes and threads, or max' })
    .option('io-rbps', {
      type: 'string',
      array: true,
      nargs: 1,
      describe: 'DEVICE:RATE of reading, such as /dev/vda:10M',
    })
    .option('io-wbps', { type: 'string', array: true, nargs: 1, describe: 'DEVICE:RATE of writing' });
}

/** Declares the flags of a spec, and the container's command as positional words. */
export function withSpec<O extends Common>(yargs: Argv<O>) {
  return withLimits(
    yargs
      .positional('command', { type: 'string', array: true, describe: 'the program and its arguments' })
      .option('file', {
        alias: 'f',
        type: 'string',
        describe: 'a spec as YAML or JSON, - for standard input; flags come on top',
      })
      .option('name', { type: 'string', describe: 'the id; a free one where it is left out' })
      .option('lifetime', { type: 'string', describe: 'how long it may live from its start, such as 90s' })
      .option('jitter', { type: 'string', describe: 'shorten the lifetime at random by up to this' })
      .option('root', {
        type: 'string',
        describe:
          "the directory, or squashfs or erofs file, that becomes /; else the host's own under a private overlay",
      })
      .option('image', { type: 'string', describe: 'the image that becomes /, with its command, user and environment' })
      .option('entrypoint', { type: 'string', describe: "a program in the place of the image's entrypoint" })
      .option('read-only', { type: 'boolean', describe: 'make the root read-only' })
      .option('init', { type: 'boolean', describe: 'run a small init that reaps processes and forwards signals' })
      .option('env', { alias: 'e', type: 'string', array: true, nargs: 1, describe: 'NAME=VALUE' })
      .option('label', { alias: 'l', type: 'string', array: true, nargs: 1, describe: 'NAME=VALUE' })
      .option('owner', { type: 'string', describe: 'whom it is billed to' })
      .option('tty', { alias: 't', type: 'boolean', describe: 'give it a terminal' })
      .option('network', {
        type: 'string',
        describe: 'none (its own, with only lo), bridge, host, container:ID, or a path to join',
      })
      .option('publish', {
        alias: 'p',
        type: 'string',
        array: true,
        nargs: 1,
        describe: '[ADDRESS:]PORT:PORT[/udp], host first; it is bridged then',
      })
      .option('network-group', { type: 'string', describe: 'the containers that it reaches over the bridge' })
      .option('rate-in', {
        type: 'string',
        describe: 'bytes a second that it may receive over the bridge, such as 10M',
      })
      .option('rate-out', { type: 'string', describe: 'bytes a second that it may send' })
      .option('user', { alias: 'u', type: 'string', describe: 'USER or USER:GROUP, numbers or names' })
      .option('workdir', { alias: 'w', type: 'string', describe: 'the working directory' })
      .option('hostname', { type: 'string', describe: 'the host name; else the id' })
      .option('volume', {
        alias: 'v',
        type: 'string',
        array: true,
        nargs: 1,
        describe: 'SOURCE:TARGET[:ro][,rslave][,idmap=false]',
      })
      .option('tmpfs', { type: 'string', array: true, nargs: 1, describe: 'TARGET[:size=BYTES]' })
      .option('ready', { type: 'string', describe: 'what tells that it is ready: tcp:PORT or http:PORT/PATH' })
      .option('stop-signal', { type: 'string', describe: 'what asks it to end (SIGTERM)' })
      .option('stop-timeout', { type: 'string', describe: 'what it gets before the kill (10s)' }),
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
