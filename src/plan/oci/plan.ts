import { posix } from 'node:path';
import type { Resources } from '../../protocol/resolved-spec.js';
import { namespaceOf } from '../../spec/sysctls.js';
import { NAMESPACE_FLAGS } from '../namespaces.js';
import type { Op } from '../op.js';
import {
  bind,
  hostname,
  linkUp,
  maskPath,
  mkdir,
  mknod,
  pivot,
  privateMounts,
  readonlyPath,
  remountRoot,
  root,
  setns,
  slaveMounts,
  symlink,
  sysctl,
  unshare,
  write,
} from '../ops.js';
import type { HostView, Plan } from '../plan.js';
import { type Controllers, slowsBoot } from '../resources.js';
import type { OciConfig } from './config.js';
import { propagationOf } from './mount-words.js';
import { isBind, keepsPropagation, ociMountOp } from './mounts.js';
import { domainname, makeNode, moveRoot, pivotShared, privateAbove, propagate } from './ops.js';
import { ociOomOps, ociProcessOps, ociStreamOps } from './process.js';
import { refused } from './refusal.js';
import { nodeOf, ociDevices, ociLimitWrites } from './resources.js';

/** The order of a plan that an OCI config asks for: exactly its mounts, in their order; no more than it lists. */

/** The real paths of the host that a config names. */
export interface OciSources {
  root: string;
  /** For each mount of the config, the path behind its source where it is a bind. */
  mounts: readonly (string | undefined)[];
  /** Where its group is, if the config says so, and the controllers that it has there. */
  group?: { path: string; controllers: Controllers };
}

/** A plan, and what the command that makes the process does for it before the clone: words of the birth frame. */
export interface OciPlan extends Plan {
  words: readonly (readonly [name: string, value: string])[];
}

/** What the command line asks for beside the config. */
export interface OciChoices {
  newKeyring: boolean;
  /** False: the root is moved over that of the host (`--no-pivot`). */
  pivots: boolean;
  /** How many descriptors from 3 on the program gets, and how many of them are sockets by LISTEN_FDS. */
  keptFds: number;
  listenFds: number;
}

/** The devices and links that a runtime makes in /dev beside those of the config, see config-linux.md of the OCI. */
const DEVICES: [string, number, number][] = [
  ['/dev/null', 1, 3],
  ['/dev/zero', 1, 5],
  ['/dev/full', 1, 7],
  ['/dev/random', 1, 8],
  ['/dev/urandom', 1, 9],
  ['/dev/tty', 5, 0],
];
const LINKS: [string, string][] = [
  ['/proc/self/fd', '/dev/fd'],
  ['/proc/self/fd/0', '/dev/stdin'],
  ['/proc/self/fd/1', '/dev/stdout'],
  ['/proc/self/fd/2', '/dev/stderr'],
  ['pts/ptmx', '/dev/ptmx'],
];

/**
 * Decides everything that the start of an OCI container will do. Pure.
 * @param id the id of the container in niwad
 * @param resources the limits that its spec shows; its group has those of the config
 * @param choices those of the command line
 * @throws NiwaError SPEC_INVALID for a field that niwa does not honour, HOST_UNSUPPORTED for a limit without controller
 */
export function makeOciPlan(
  id: string,
  config: OciConfig,
  host: HostView,
  sources: OciSources,
  resources: Resources,
  choices: OciChoices,
): OciPlan {
  const { linux = {} } = config;
  const spaces = namespacesOf(config);
  const group = sources.group ?? { path: `${host.containersCgroup}/${id}`, controllers: host.controllers };
  const writes = ociLimitWrites(linux.resources ?? {}, group.controllers);
  const names = spaces.made.filter((name) => name !== 'cgroup' && name !== 'time');
  return {
    id,
    limits: { resources, defaulted: [] },
    cgroup: {
      path: group.path,
      writes: writes.filter((each) => !slowsBoot(each)),
      lateWrites: writes.filter(slowsBoot),
    },
    devices: host.filtersDevices ? ociDevices(linux.resources?.devices ?? [], linux.devices) : null,
    userns: null,
    mountMaps: [],
    image: null,
    clone: {
      flags: names.reduce((sum, name) => sum + SPACE_FLAGS[name], 0),
      names,
      pidNamespace: '',
      networkOf: '',
    },
    boot: [
      ...ociOomOps(config.process),
      ...ociStreamOps(config.process),
      ...namespaceOps(config, spaces),
      ...rootOps(config, host.stage, sources, choices),
      ...ociProcessOps(config, host.compileSeccomp, { ...choices, console: !bindsDevices(config) }),
    ],
    network: [],
    words: [],
  };
}

const SPACE_FLAGS = { ...NAMESPACE_FLAGS, time: 0x80 } as const;
type Space = keyof typeof SPACE_FLAGS;
interface Spaces {
  made: Space[];
  joined: { name: Space; path: string }[];
}

/** The namespaces that are made, and those that are joined. All others stay those of the command. */
function namespacesOf({ linux: { namespaces = [] } = {} }: OciConfig): Spaces {
  const spaces: Spaces = { made: [], joined: [] };
  for (const [i, { type, path = '' }] of namespaces.entries()) {
    const field = `linux.namespaces[${i}]`;
    if (!Object.hasOwn(SPACE_FLAGS, type))
      throw refused(`${field}.type "${type}"`, 'niwa-oci does not support this yet');
    const name = type as Space;
    if (namespaces.findIndex((other) => other.type === type) !== i) throw refused(field, `${type} is listed twice`);
    if (path === '') spaces.made.push(name);
    else if (name === 'mount' || name === 'pid')
      throw refused(`${field}.path`, `niwa-oci joins no ${type} namespace yet`);
    else spaces.joined.push({ name, path });
  }
  if (!spaces.made.includes('mount'))
    throw refused('linux.namespaces', 'a container needs a mount namespace of its own');
  return spaces;
}

function namespaceOps({ hostname: name = '', domainname: domain = '', linux = {} }: OciConfig, spaces: Spaces): Op[] {
  const { made, joined } = spaces;
  for (const [field, value] of Object.entries({ hostname: name, domainname: domain }))
    if (value !== '' && !made.includes('uts'))
      throw refused(field, 'it would change that of others: linux.namespaces needs a new one of type uts');
  return [
    ...joined.map(({ name, path }) => setns(name, SPACE_FLAGS[name], path)),
    ...(made.includes('cgroup') ? [unshare('cgroup', SPACE_FLAGS.cgroup)] : []),
    ...timeOps(linux.timeOffsets ?? {}, made.includes('time')),
    ...(name === '' ? [] : [hostname(name)]),
    ...(domain === '' ? [] : [domainname(domain)]),
    ...(made.includes('network') ? [linkUp('lo')] : []),
    ...sysctlOps(linux.sysctl ?? {}, spaces),
  ];
}

/** No other name is a setting: one with a slash could lead to a setting of the host. */
const SETTING = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+$/;

/** Writes the settings of namespaces that are made or joined: all others would change the host. */
function sysctlOps(settings: Readonly<Record<string, string>>, { made, joined }: Spaces): Op[] {
  const own = [...made, ...joined.map(({ name }) => name)];
  return Object.entries(settings).map(([setting, value]) => {
    const field = `linux.sysctl ${JSON.stringify(setting)}`;
    const space = SETTING.test(setting) ? namespaceOf(setting) : null;
    if (space === null) throw refused(field, 'it belongs to no namespace of a container: it would change the host');
    if (!own.includes(space)) throw refused(field, `it would change that of others: linux.namespaces needs ${space}`);
    return sysctl(setting, value);
  });
}

/**
 * Makes the time namespace. The clocks of a new one can be set until a process is in it; the one that makes it is not,
 * see time_namespaces(7).
 */
function timeOps(offsets: NonNullable<NonNullable<OciConfig['linux']>['timeOffsets']>, isMade: boolean): Op[] {
  const lines = Object.entries(offsets).map(([clock, { secs = 0, nanosecs = 0 }]) => `${clock} ${secs} ${nanosecs}\n`);
  if (lines.length > 0 && !isMade) throw refused('linux.timeOffsets', 'it needs a new namespace of the type time');
  if (!isMade) return [];
  return [
    unshare('time', SPACE_FLAGS.time),
    ...(lines.length === 0 ? [] : [write('/proc/self/timens_offsets', lines.join(''))]),
    setns('time', SPACE_FLAGS.time, '/proc/self/ns/time_for_children'),
  ];
}

/** Whether /dev is that of the host: then nothing is made in it. */
function bindsDevices({ mounts = [] }: OciConfig): boolean {
  return mounts.some((item) => isBind(item) && posix.normalize(`${item.destination}/`) === '/dev/');
}

function rootOps(config: OciConfig, stage: string, sources: OciSources, { pivots }: OciChoices): Op[] {
  const { root: own, mounts = [], process, linux = {} } = config;
  const { maskedPaths = [], readonlyPaths = [], rootfsPropagation = '' } = linux;
  const propagation = rootfsPropagation === '' ? undefined : propagationOf(rootfsPropagation);
  if (rootfsPropagation !== '' && propagation === undefined)
    throw refused(`linux.rootfsPropagation "${rootfsPropagation}"`, 'there is no such propagation');
  const isShared = /^r?shared$/.test(rootfsPropagation);
  const isSlave = /^r?slave$/.test(rootfsPropagation);
  return [
    ...startOps(config, stage),
    bind(sources.root, stage, { place: 'host', slave: isSlave }),
    root(stage),
    ...mounts.map((item, i) => ociMountOp(item, `mounts[${i}]`, sources.mounts[i])),
    ...(bindsDevices(config) ? [] : deviceOps(linux.devices ?? [])),
    ...(process.cwd === '/' ? [] : [mkdir(process.cwd, 0o755)]),
    ...maskedPaths.map(maskPath),
    ...readonlyPaths.map(readonlyPath),
    ...(own.readonly ? [remountRoot(['ro'])] : []),
    pivots ? (isShared ? pivotShared() : pivot()) : moveRoot(),
    ...(propagation === undefined
      ? []
      : [propagate(rootfsPropagation, propagation.propagation | (propagation.recursive ? MS_REC : 0))]),
  ];
}

const MS_REC = 0x4000;

/** What becomes of the mounts of the host in the new mount namespace, before anything is mounted in it. */
function startOps({ mounts = [], linux = {} }: OciConfig, stage: string): Op[] {
  const { rootfsPropagation = '' } = linux;
  if (/^r?shared$/.test(rootfsPropagation)) return [privateAbove(stage)];
  const isSlave = /^r?slave$/.test(rootfsPropagation) || (rootfsPropagation === '' && mounts.some(keepsPropagation));
  return [isSlave ? slaveMounts() : privateMounts()];
}

function deviceOps(devices: NonNullable<NonNullable<OciConfig['linux']>['devices']>): Op[] {
  const named = devices.map((device, i) => nodeOf(device, `linux.devices[${i}]`));
  const usual = DEVICES.filter(([path]) => named.every((own) => own.path !== path));
  return [
    ...named.map(makeNode),
    ...usual.map(([path, major, minor]) => mknod(path, 0o666, major, minor)),
    ...LINKS.map(([target, path]) => symlink(target, path)),
  ];
}
