import type { FieldProblem } from '../errors.js';
import { capabilityName, resolveCapabilities } from './capabilities.js';
import { problemsOf } from './check.js';
import { type Network, networkProblems, normaliseNetwork } from './network.js';
import { refuse, show } from './problems.js';
import { normaliseResources, type Resources, resourceProblems } from './resources.js';
import { type SeccompProfileInput, type SpecInput, SpecSchema } from './schema.js';
import { signalName, signalNumber } from './signals.js';
import { parseBytes, parseDuration } from './units.js';

export type NamespaceName = 'mount' | 'pid' | 'network' | 'ipc' | 'uts' | 'cgroup';

/**
 * Whether files keep the container's own ids on the host: "auto" where their file system can do that. Always false without a
 * user namespace.
 */
export type Idmap = boolean | 'auto';

export interface BindMount {
  type: 'bind';
  source: string;
  target: string;
  readonly: boolean;
  idmap: Idmap;
}
export interface TmpfsMount {
  type: 'tmpfs';
  target: string;
  sizeBytes: number | null;
  readonly: boolean;
}
export interface Rlimit {
  name: string;
  soft: number | 'unlimited';
  hard: number | 'unlimited';
}

/** A run of ids: from `container` on inside, from `host` on outside. */
export interface IdMapping {
  container: number;
  host: number;
  size: number;
}
export interface IdMaps {
  uids: IdMapping[];
  gids: IdMapping[];
}

/** A spec with every default filled in and every unit resolved: what the plan is made from. */
export interface Spec {
  id: string;
  process: {
    args: string[];
    env: Record<string, string>;
    cwd: string;
    uid: number;
    gid: number;
    umask: number;
  };
  root: { path: string; readonly: boolean; overlay: { sizeBytes: number | null } | null; idmap: Idmap };
  hostname: string | null;
  mounts: (BindMount | TmpfsMount)[];
  namespaces: Record<NamespaceName, string>;
  /** null for none but lo, or that of others. */
  network: Network | null;
  resources: Resources;
  rlimits: Rlimit[];
  capabilities: string[];
  userns: 'auto' | 'host' | IdMaps;
  seccomp: 'default' | 'unconfined' | SeccompProfileInput;
  devices: string[];
  lifetimeUsec: number | null;
  jitterUsec: number;
  stopSignal: string;
  stopTimeoutUsec: number;
  init: boolean;
  labels: Record<string, string>;
  owner: string | null;
  oomScoreAdj: number | null;
}

/** How many ids a container with `userns: auto` gets. */
export const IDS_PER_CONTAINER = 65_536;

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
const DEFAULT_STOP_TIMEOUT_USEC = 10e6;
const MAX_UID = 4294967294;
const AUTO_MAP: IdMapping[] = [{ container: 0, host: 0, size: IDS_PER_CONTAINER }];

/**
 * Turns what a user wrote into a spec. Pure: nothing of the host is looked at.
 * @param input of any shape
 * @param freeId the id to take where the input has none
 * @throws NiwaError SPEC_INVALID with every wrong field
 */
export function parseSpec(input: unknown, freeId: string): Spec {
  refuse('the spec', problemsOf(SpecSchema, input));
  const valid = input as SpecInput;
  refuse('the spec', meaningProblems(valid));
  return normalise(structuredClone(valid), freeId);
}

/** What a schema cannot say: fields that are right alone and wrong together, and names that have to be known. */
function meaningProblems(input: SpecInput): FieldProblem[] {
  return [
    ...processProblems(input),
    ...mountProblems(input),
    ...deviceProblems(input),
    ...namespaceProblems(input),
    ...networkProblems(input.network, input.namespaces?.network ?? 'new'),
    ...resourceProblems(input.resources ?? {}, 'resources'),
    ...rlimitProblems(input),
    ...capabilityProblems(input),
    ...usernsProblems(input),
    ...lifetimeProblems(input),
  ];
}

function* processProblems({ process }: SpecInput): Iterable<FieldProblem> {
  const ids = String(process.user ?? 0)
    .split(':')
    .map(Number);
  if (ids.some((id) => id > MAX_UID))
    yield { path: 'process.user', found: show(process.user), allowed: `numeric ids up to ${MAX_UID}` };
  if (process.args[0] === '') yield { path: 'process.args[0]', found: '""', allowed: 'the name or path of a program' };
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
function* userProblems({ process, userns }: SpecInput): Iterable<FieldProblem> {
  const { uid, gid } = normaliseProcess(process);
  const { uids, gids } = typeof userns === 'object' ? userns : { uids: AUTO_MAP, gids: AUTO_MAP };
  const has = (map: IdMapping[], id: number) =>
    map.some(({ container, size }) => id >= container && id < container + size);
  if (has(uids, uid) && has(gids, gid)) return;
  const allowed =
    typeof userns === 'object'
      ? 'ids that userns maps'
      : `ids up to ${IDS_PER_CONTAINER - 1}; more need userns "host" or maps of their own`;
  if (Math.max(uid, gid) <= MAX_UID) yield { path: 'process.user', found: show(process.user ?? 0), allowed };
}

function* lifetimeProblems(input: SpecInput): Iterable<FieldProblem> {
  const { lifetime, jitter = 0, stopSignal = 'SIGTERM' } = input;
  if (signalNumber(stopSignal) === undefined)
    yield { path: 'stopSignal', found: show(stopSignal), allowed: 'a signal such as "SIGTERM", "TERM" or 15' };
  if (lifetime !== undefined && parseDuration(lifetime) === 0)
    yield { path: 'lifetime', found: show(lifetime), allowed: 'more than 0' };
  const bound = lifetime === undefined ? 0 : (parseDuration(lifetime) ?? 0);
  if ((parseDuration(jitter) ?? 0) > bound)
    yield { path: 'jitter', found: show(jitter), allowed: 'at most the lifetime, which it shortens at random' };
}

function normalise(input: SpecInput, freeId: string): Spec {
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
    process: normaliseProcess(input.process),
    root: normaliseRoot(input.root ?? {}, userns !== 'host'),
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
    labels: input.labels ?? {},
    owner: input.owner ?? null,
    oomScoreAdj: input.oomScoreAdj ?? null,
  };
}

function normaliseProcess(input: SpecInput['process']): Spec['process'] {
  const [uid = 0, gid = uid] = String(input.user ?? 0)
    .split(':')
    .map(Number);
  return {
    args: input.args,
    env: { PATH: DEFAULT_PATH, ...input.env },
    cwd: input.cwd ?? '/',
    uid,
    gid,
    umask: Number.parseInt(input.umask ?? '0022', 8),
  };
}

/** The host's own root is only ever shown under an overlay: a container must not write to it. */
function normaliseRoot(input: NonNullable<SpecInput['root']>, mapped: boolean): Spec['root'] {
  const path = input.path ?? '/';
  const overlay = path === '/' ? input.overlay || true : (input.overlay ?? false);
  const sizeBytes = typeof overlay === 'object' ? (parseBytes(overlay.size) ?? null) : null;
  return {
    path,
    readonly: input.readonly ?? false,
    overlay: overlay === false ? null : { sizeBytes },
    idmap: mapped && path !== '/' ? 'auto' : false,
  };
}

function normaliseMount(mount: NonNullable<SpecInput['mounts']>[number], mapped: boolean): BindMount | TmpfsMount {
  const readonly = mount.readonly ?? false;
  if (mount.type === 'bind') {
    const { source, target, idmap = 'auto' } = mount;
    return { type: 'bind', source, target, readonly, idmap: mapped ? idmap : false };
  }
  const sizeBytes = mount.size === undefined ? null : (parseBytes(mount.size) ?? null);
  return { type: 'tmpfs', target: mount.target, sizeBytes, readonly };
}

function normaliseRlimits(input: NonNullable<SpecInput['rlimits']>): Rlimit[] {
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
