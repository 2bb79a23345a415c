import { type FieldProblem, NiwaError } from '../errors.js';
import type { BindMount, IdMapping, IdMaps, Rlimit, Root, Spec, TmpfsMount } from '../protocol/resolved-spec.js';
import { ARGS_WORDS, SIGNAL_WORDS } from '../protocol/spec/values.js';
import { type SpecInput, SpecSchema } from '../protocol/spec.js';
import { parseBytes, parseDuration } from '../protocol/units.js';
import { bytesOf, MAX_ARGS_BYTES, MAX_ENV_BYTES, MAX_LABEL_BYTES } from './bounds.js';
import { capabilityName, resolveCapabilities } from './capabilities.js';
import { parseAs } from './check.js';
import { hookProblems, normaliseHooks } from './hooks.js';
import { type ImageDefaults, type ImageLookup, withImage } from './image.js';
import { networkProblems, normaliseNetwork } from './network.js';
import { firstProblems, requireNoProblems, show } from './problems.js';
import { normaliseReady, readyProblems } from './ready.js';
import { normaliseResources, resourceProblems } from './resources.js';
import { signalName, signalNumber } from './signals.js';

/** How many ids a container with `userns: auto` gets. */
export const IDS_PER_CONTAINER = 65_536;

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** What a terminal is where nothing else is said: every root knows it. */
export const DEFAULT_TERM = 'xterm';
const DEFAULT_STOP_TIMEOUT_USEC = 10e6;
const MAX_UID = 4294967294;
const AUTO_MAP: IdMapping[] = [{ container: 0, host: 0, size: IDS_PER_CONTAINER }];

/**
 * Turns what a user wrote into a spec. Pure: nothing of the host is looked at.
 * @param input of any shape
 * @param freeId the id to take where the input has none
 * @param lookUp finds the image that the input names
 * @throws NiwaError SPEC_INVALID with every wrong field, and what `lookUp` does
 */
export function parseSpec(input: unknown, freeId: string, lookUp: ImageLookup = noImages): Spec {
  const valid: SpecInput = parseAs('the spec', SpecSchema, input);
  const name = valid.root?.image;
  const image = name === undefined ? null : lookUp(name);
  // An image may say what no spec may.
  const whole: SpecInput = image === null ? valid : parseAs('the spec', SpecSchema, withImage(valid, image));
  requireNoProblems('the spec', allProblems(whole));
  const spec = normalise(structuredClone(whole), freeId, image);
  if (image !== null && valid.process?.user === undefined) spec.process.account.groups = !image.namesGroup;
  return spec;
}

function noImages(name: string): never {
  throw new NiwaError('NOT_FOUND', `images are niwad's own: nothing is known of ${name} here`);
}

/** What a schema cannot say: fields that are right alone and wrong together, and names that have to be known. */
export function meaningProblems(input: SpecInput): FieldProblem[] {
  return firstProblems(allProblems(input));
}

function* allProblems(input: SpecInput): Iterable<FieldProblem> {
  yield* processProblems(input);
  yield* sizeProblems(input);
  yield* rootProblems(input);
  yield* mountProblems(input);
  yield* idmapProblems(input);
  yield* deviceProblems(input);
  yield* namespaceProblems(input);
  yield* networkProblems(input.network, input.namespaces?.network ?? 'new');
  yield* resourceProblems(input.resources ?? {}, 'resources');
  yield* rlimitProblems(input);
  yield* capabilityProblems(input);
  yield* usernsProblems(input);
  yield* lifetimeProblems(input);
  yield* hookProblems(input.hooks ?? {});
  yield* readyProblems(input);
}

function* processProblems({ process = {}, root = {} }: SpecInput): Iterable<FieldProblem> {
  const ids = String(process.user ?? 0)
    .split(':')
    .map(Number);
  if (ids.some((id) => id > MAX_UID))
    yield { path: 'process.user', found: show(process.user), allowed: `numeric ids up to ${MAX_UID}` };
  if (process.args === undefined) yield { path: 'process.args', found: 'nothing', allowed: ARGS_WORDS };
  if (process.entrypoint !== undefined && root.image === undefined)
    yield { path: 'process.entrypoint', found: show(process.entrypoint), allowed: 'nothing without root.image' };
  if (root.image !== undefined && root.overlay === false)
    yield {
      path: 'root.overlay',
      found: 'false',
      allowed: 'true, or its size: containers share the layers of an image',
    };
  if (process.args?.[0] === '')
    yield { path: 'process.args[0]', found: '""', allowed: 'the name or path of a program' };
}

/** What is kept for each container, and told again and again, is bounded as a whole. */
function* sizeProblems({ process: { args = [], env = {} } = {}, labels = {} }: SpecInput): Iterable<FieldProblem> {
  const parts = [
    { path: 'process.args', bytes: Buffer.byteLength(args.join('')), most: MAX_ARGS_BYTES },
    { path: 'process.env', bytes: bytesOf(env), most: MAX_ENV_BYTES },
    { path: 'labels', bytes: bytesOf(labels), most: MAX_LABEL_BYTES },
  ];
  for (const { path, bytes, most } of parts)
    if (bytes > most) yield { path, found: `${bytes} bytes`, allowed: `at most ${most} bytes altogether` };
}

/** What a root may come of: exactly one of them. */
const ROOTS = ['path', 'file', 'image'] as const;

function* rootProblems({ root = {} }: SpecInput): Iterable<FieldProblem> {
  const [first, ...others] = ROOTS.filter((name) => root[name] !== undefined);
  for (const name of others)
    yield { path: `root.${name}`, found: show(root[name]), allowed: `nothing beside root.${first}` };
  if (typeof root.overlay === 'object' && root.overlay.directory !== undefined && isHostRoot(root))
    yield keptOverHost(root.overlay.directory);
}

/** The problem of a directory that should keep what is written over the host's own root. */
export function keptOverHost(directory: string): FieldProblem {
  const allowed = "nothing over the host's own root, which changes with the host";
  return { path: 'root.overlay.directory', found: show(directory), allowed };
}

function isHostRoot(root: NonNullable<SpecInput['root']>): boolean {
  return ROOTS.every((name) => root[name] === undefined) || root.path === '/';
}

function* mountProblems({ mounts = [] }: SpecInput): Iterable<FieldProblem> {
  for (const [i, { target }] of mounts.entries()) {
    const parts = target.split('/').filter((part) => part !== '');
    if (parts.length === 0 || parts.some((part) => part === '.' || part === '..'))
      yield {
        path: `mounts[${i}].target`,
        found: show(target),
        allowed: 'an absolute path below / without "." or ".." in it',
      };
  }
}

/** How many binds may have different maps of their own. */
const MAX_MOUNT_MAPS = 16;

/** The maps of a bind name ids of the container: each run of them has to be in one run of its user namespace. */
function* idmapProblems(input: SpecInput): Iterable<FieldProblem> {
  const own = ownMaps(input);
  const seen = new Set<string>();
  for (const [i, mount] of (input.mounts ?? []).entries()) {
    if (mount.type !== 'bind' || typeof mount.idmap !== 'object') continue;
    const path = `mounts[${i}].idmap`;
    for (const kind of ['uids', 'gids'] as const) {
      yield* mapProblems(`${path}.${kind}`, mount.idmap[kind]);
      for (const [k, run] of mount.idmap[kind].entries())
        if (own !== null && !own[kind].some((outer) => isWithin(run, outer)))
          yield {
            path: `${path}.${kind}[${k}].container`,
            found: show(run.container),
            allowed: 'ids that userns maps',
          };
    }
    seen.add(JSON.stringify(mount.idmap));
    if (seen.size === MAX_MOUNT_MAPS + 1)
      yield { path, found: `map ${seen.size}`, allowed: `at most ${MAX_MOUNT_MAPS} different maps` };
  }
}

function isWithin(run: IdMapping, outer: IdMapping): boolean {
  return run.container >= outer.container && run.container + run.size <= outer.container + outer.size;
}

/** The maps of the container's user namespace as far as a spec tells; null where it has the host's. */
function ownMaps({ userns = 'auto', namespaces = {} }: SpecInput): IdMaps | null {
  if (typeof userns === 'object') return userns;
  return userns === 'host' || (namespaces.mount ?? 'new') !== 'new' ? null : { uids: AUTO_MAP, gids: AUTO_MAP };
}

function* deviceProblems({ devices = [] }: SpecInput): Iterable<FieldProblem> {
  for (const [i, device] of devices.entries())
    if (device.split('/').some((part) => part === '.' || part === '..'))
      yield { path: `devices[${i}]`, found: show(device), allowed: 'a path below /dev without "." or ".." in it' };
}

function* namespaceProblems(input: SpecInput): Iterable<FieldProblem> {
  const { mount = 'new', uts = 'new' } = input.namespaces ?? {};
  const own = 'nothing, or namespaces.mount "new": a mount namespace of others is taken as it is';
  if (mount !== 'new' && input.root !== undefined) yield { path: 'root', found: show(input.root), allowed: own };
  if (mount !== 'new' && input.mounts !== undefined) yield { path: 'mounts', found: show(input.mounts), allowed: own };
  if (uts === 'host' && input.hostname !== undefined)
    yield {
      path: 'hostname',
      found: show(input.hostname),
      allowed: 'nothing, or namespaces.uts "new": it would change the host\'s own name',
    };
}

function* rlimitProblems({ rlimits = {} }: SpecInput): Iterable<FieldProblem> {
  for (const { name, soft, hard } of normaliseRlimits(rlimits))
    if (limitValue(soft) > limitValue(hard))
      yield { path: `rlimits.${name}.soft`, found: show(soft), allowed: `at most the hard limit ${hard}` };
}

function* capabilityProblems({ capabilities = {} }: SpecInput): Iterable<FieldProblem> {
  for (const list of ['add', 'drop'] as const)
    for (const [i, name] of (capabilities[list] ?? []).entries())
      if (capabilityName(name) === undefined)
        yield {
          path: `capabilities.${list}[${i}]`,
          found: show(name),
          allowed: 'a name of capabilities(7) such as "NET_BIND_SERVICE", or "ALL"',
        };
}

/** What acts on namespaces and on the machine: without effect where the container's user namespace owns none of them. */
const OUTSIDE_USERNS = [
  'NET_ADMIN',
  'NET_RAW',
  'NET_BROADCAST',
  'SYS_ADMIN',
  'SYS_MODULE',
  'SYS_RAWIO',
  'SYS_BOOT',
  'SYS_TIME',
  'MKNOD',
  'SYSLOG',
  'BPF',
  'PERFMON',
];

function* usernsProblems(input: SpecInput): Iterable<FieldProblem> {
  const { userns, namespaces = {}, capabilities = {} } = input;
  if (userns !== undefined && userns !== 'host' && (namespaces.mount ?? 'new') !== 'new')
    yield { path: 'userns', found: show(userns), allowed: '"host" where the mount namespace is not new' };
  if (userns === 'host' || (namespaces.mount ?? 'new') !== 'new') return;
  if (typeof userns === 'object') {
    yield* mapProblems('userns.uids', userns.uids);
    yield* mapProblems('userns.gids', userns.gids);
  }
  yield* userProblems(input);
  for (const [i, name] of (capabilities.add ?? []).entries())
    if (OUTSIDE_USERNS.includes(capabilityName(name) ?? ''))
      yield {
        path: `capabilities.add[${i}]`,
        found: show(name),
        allowed: 'capabilities that act inside a user namespace; this one needs userns "host"',
      };
}

/** What the kernel would refuse of a map, see user_namespaces(7). */
function* mapProblems(path: string, map: IdMapping[]): Iterable<FieldProblem> {
  for (const [i, mapping] of map.entries()) {
    const problem = (allowed: string) => ({ path: `${path}[${i}]`, found: show(mapping), allowed });
    const { container, host, size } = mapping;
    if (Math.max(container, host) + size - 1 > MAX_UID) yield problem(`ids up to ${MAX_UID}`);
    const overlaps = (side: 'container' | 'host') =>
      map.slice(0, i).some((other) => mapping[side] < other[side] + other.size && other[side] < mapping[side] + size);
    if (overlaps('container') || overlaps('host')) yield problem('ids that no mapping before it has, on either side');
  }
}

/** A user that the namespace does not map does not exist in it. */
function* userProblems({ process = {}, userns }: SpecInput): Iterable<FieldProblem> {
  const { user, uid, gid } = normaliseProcess(process);
  if (user === null) yield* unmappedUser(userns, uid, gid, process.user ?? 0);
}

/** The problem of a user that the namespace does not map; none where it does. `found` is what the spec says. */
export function* unmappedUser(
  userns: SpecInput['userns'],
  uid: number,
  gid: number,
  found: unknown,
): Iterable<FieldProblem> {
  const { uids, gids } = typeof userns === 'object' ? userns : { uids: AUTO_MAP, gids: AUTO_MAP };
  const has = (map: IdMapping[], id: number) =>
    map.some(({ container, size }) => id >= container && id < container + size);
  if (has(uids, uid) && has(gids, gid)) return;
  const allowed =
    typeof userns === 'object'
      ? 'ids that userns maps'
      : `ids up to ${IDS_PER_CONTAINER - 1}; more need userns "host" or maps of their own`;
  if (Math.max(uid, gid) <= MAX_UID) yield { path: 'process.user', found: show(found), allowed };
}

function* lifetimeProblems(input: SpecInput): Iterable<FieldProblem> {
  const { lifetime, jitter = 0, stopSignal = 'SIGTERM' } = input;
  if (signalNumber(stopSignal) === undefined)
    yield { path: 'stopSignal', found: show(stopSignal), allowed: SIGNAL_WORDS };
  if (lifetime !== undefined && parseDuration(lifetime) === 0)
    yield { path: 'lifetime', found: show(lifetime), allowed: 'more than 0' };
  const bound = lifetime === undefined ? 0 : (parseDuration(lifetime) ?? 0);
  if ((parseDuration(jitter) ?? 0) > bound)
    yield { path: 'jitter', found: show(jitter), allowed: 'at most the lifetime, which it shortens at random' };
}

function normalise(input: SpecInput, freeId: string, image: ImageDefaults | null): Spec {
  const id = input.id ?? freeId;
  const namespaces: Spec['namespaces'] = {
    mount: 'new',
    pid: 'new',
    network: 'new',
    ipc: 'new',
    uts: 'new',
    cgroup: 'new',
    ...input.namespaces,
  };
  const userns = input.userns ?? (namespaces.mount === 'new' ? 'auto' : 'host');
  return {
    id,
    process: normaliseProcess(input.process ?? {}),
    root:
      image === null ? normaliseRoot(input.root ?? {}, userns !== 'host') : imageRoot(input, image, userns !== 'host'),
    hostname: input.hostname ?? (namespaces.uts === 'new' ? hostnameFrom(id) : null),
    mounts: (input.mounts ?? []).map((mount) => normaliseMount(mount, userns !== 'host')),
    namespaces,
    network: normaliseNetwork(input.network),
    resources: normaliseResources(input.resources ?? {}),
    rlimits: normaliseRlimits(input.rlimits ?? {}),
    capabilities: resolveCapabilities(
      (input.capabilities?.add ?? []).map((name) => capabilityName(name) ?? ''),
      (input.capabilities?.drop ?? []).map((name) => capabilityName(name) ?? ''),
    ),
    userns,
    seccomp: input.seccomp ?? 'default',
    devices: input.devices ?? [],
    lifetimeUsec: input.lifetime === undefined ? null : (parseDuration(input.lifetime) ?? null),
    jitterUsec: parseDuration(input.jitter ?? 0) ?? 0,
    stopSignal: signalName(signalNumber(input.stopSignal ?? 'SIGTERM') ?? 15),
    stopTimeoutUsec:
      input.stopTimeout === undefined ? DEFAULT_STOP_TIMEOUT_USEC : (parseDuration(input.stopTimeout) ?? 0),
    init: input.init ?? false,
    ...(input.autoRemove === true ? { autoRemove: true } : {}),
    labels: input.labels ?? {},
    owner: input.owner ?? null,
    oomScoreAdj: input.oomScoreAdj ?? null,
    hooks: normaliseHooks(input.hooks ?? {}),
    ready: input.ready === undefined ? null : normaliseReady(input.ready),
  };
}

/** Fills in the defaults of a process. */
export function normaliseProcess(input: NonNullable<SpecInput['process']>): Spec['process'] {
  const written = String(input.user ?? 0);
  const user = /[^0-9:]/.test(written) ? written : null;
  const [uid = 0, gid = uid] = user === null ? written.split(':').map(Number) : [];
  const [name = '', group] = written.split(':');
  return {
    args: input.args ?? [],
    env: { PATH: DEFAULT_PATH, ...(input.tty ? { TERM: DEFAULT_TERM } : {}), ...input.env },
    cwd: input.cwd ?? '/',
    user,
    uid,
    gid,
    account: { name: /[^0-9]/.test(name) ? name : '', groups: !group },
    umask: Number.parseInt(input.umask ?? '0022', 8),
    tty: input.tty ?? false,
  };
}

/**
 * The host's own root is only ever shown under an overlay: a container must not write to it. A file cannot be written to: it is
 * under one unless the spec says otherwise.
 */
function normaliseRoot(input: NonNullable<SpecInput['root']>, mapped: boolean): Spec['root'] {
  const file = input.file ?? null;
  const path = input.path ?? (file === null ? '/' : null);
  const overlay = path === '/' ? input.overlay || true : (input.overlay ?? file !== null);
  const { size, directory = null } = typeof overlay === 'object' ? overlay : {};
  const sizeBytes = size === undefined ? null : (parseBytes(size) ?? null);
  return {
    path,
    file,
    layers: path === null ? [] : [path],
    image: null,
    readonly: input.readonly ?? false,
    overlay: overlay === false ? null : { sizeBytes, directory },
    idmap: mapped && path !== '/' ? 'auto' : false,
  };
}

/** Layers are shared, so writes always go over them. */
function imageRoot({ root }: SpecInput, { name, id, layers }: ImageDefaults, mapped: boolean): Root {
  const overlaid = normaliseRoot({ ...root, path: '/image', overlay: root?.overlay || true }, mapped);
  return { ...overlaid, path: null, layers, image: { name, id } };
}

function normaliseMount(mount: NonNullable<SpecInput['mounts']>[number], mapped: boolean): BindMount | TmpfsMount {
  const readonly = mount.readonly ?? false;
  if (mount.type === 'bind') {
    const { source, target, idmap = 'auto', propagation = 'private' } = mount;
    return {
      type: 'bind',
      source,
      target,
      readonly,
      idmap: mapped || typeof idmap === 'object' ? idmap : false,
      propagation,
    };
  }
  const sizeBytes = mount.size === undefined ? null : (parseBytes(mount.size) ?? null);
  return { type: 'tmpfs', target: mount.target, sizeBytes, readonly };
}

/** Gives a soft and a hard limit for each name. */
export function normaliseRlimits(input: NonNullable<SpecInput['rlimits']>): Rlimit[] {
  return Object.entries(input).map(([name, value]) =>
    typeof value === 'object' ? { name, ...value } : { name, soft: value, hard: value },
  );
}

function limitValue(limit: number | 'unlimited'): number {
  return limit === 'unlimited' ? Number.POSITIVE_INFINITY : limit;
}

/** A host name has no underscore and ends in a letter or digit; an id may have both. */
function hostnameFrom(id: string): string {
  return id.replaceAll('_', '-').replace(/[^A-Za-z0-9]+$/, '');
}
