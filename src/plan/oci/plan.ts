import type { Resources } from '../../protocol/resolved-spec.js';
import { namespaceOf } from '../../spec/sysctls.js';
import { NAMESPACE_FLAGS } from '../namespaces.js';
import type { Op } from '../op.js';
import { hostname, linkUp, setns, sysctl, undumpable, unshare, write } from '../ops.js';
import type { HostView, Plan } from '../plan.js';
import { type Controllers, slowsBoot } from '../resources.js';
import type { OciConfig, OciMount } from './config.js';
import { type RootHooks, rootHooks, startHookOps } from './hooks.js';
import { hasOwnGroups } from './mounts.js';
import { netDeviceWords } from './net-devices.js';
import { divide, domainname } from './ops.js';
import { ociOomOps, ociProcessOps, ociStreamOps } from './process.js';
import { refused } from './refusal.js';
import { withRemounts } from './remounts.js';
import { boundsOfGroups, ociDevices, ociFirstWrites } from './resources.js';
import {
  allNodes,
  hasHostDevices,
  isSlaveRoot,
  ownParts,
  ownsMounts,
  propagationOps,
  rootOps,
  unmountedRootOps,
} from './root.js';
import { runEverywhere } from './scheduling.js';
import { type Aside, asideOps, divideUserOps, fromSide, raiseOps } from './side.js';
import { MountMaps, type UserSpace, userSpaceOf } from './userns.js';

/** The order of a plan that an OCI config asks for: exactly its mounts, in their order; no more than it lists. */

/** The paths that a config names, from `/` on: the boot program opens them in the mount namespace of the command. */
export interface OciSources {
  root: string;
  /** For each mount of the config, its source where it is a bind. */
  mounts: readonly (string | undefined)[];
  /** Where its group is, if the config says so, and the controllers that it has there. */
  group?: { path: string; controllers: Controllers };
}

/** A plan, and what the command that makes the process does for it before the clone: words of the birth frame. */
export interface OciPlan extends Plan {
  words: readonly (readonly [name: string, value: string])[];
  /** Whether its group is given to the user of its process. */
  givesGroup: boolean;
}

/** What the command line asks for beside the config. */
export interface OciChoices {
  /** What the engine calls the container, and the directory of its config: hooks are told of them. */
  id: string;
  bundle: string;
  newKeyring: boolean;
  /** False: the root is moved over that of the host (`--no-pivot`). */
  pivots: boolean;
  /** How many descriptors from 3 on the program gets, and how many of them are sockets by LISTEN_FDS. */
  keptFds: number;
  listenFds: number;
}

/**
 * Decides everything that the start of an OCI container will do. Pure.
 * @param id the id of the container in niwad
 * @param given the config
 * @param resources the limits that its spec shows; its group has those of the config
 * @param choices those of the command line
 * @throws NiwaError SPEC_INVALID for a field that niwa does not honour, HOST_UNSUPPORTED for a limit without controller
 */
export function makeOciPlan(
  id: string,
  given: OciConfig,
  host: HostView,
  sources: OciSources,
  resources: Resources,
  choices: OciChoices,
): OciPlan {
  const config = { ...given, mounts: withRemounts(given.mounts ?? []) };
  const { linux = {} } = config;
  const spaces = namespacesOf(config);
  const user = userSpaceOf(config);
  if (user !== undefined && isSeen(spaces) && (config.hooks?.createContainer ?? []).length > 0)
    throw refused(
      'hooks.createContainer',
      'with a user namespace, processes of the joined PID namespace could reach the files of the host by it',
    );
  const maps = new MountMaps(config, user);
  const idmapOf = (item: OciMount, field: string) => maps.changesOf(item, field);
  const group = sources.group ?? { path: `${host.containersCgroup}/${id}`, controllers: host.controllers };
  const makesGroups = hasOwnGroups(config.mounts);
  const limits = ociFirstWrites(linux.resources ?? {}, group.controllers);
  const writes = [...limits, ...(makesGroups ? boundsOfGroups(limits) : [])];
  const names = clonedNames(spaces.made);
  const subject = { id: choices.id, bundle: choices.bundle, annotations: config.annotations ?? {} };
  const hooks = rootHooks(config, sources.root, subject);
  return {
    id,
    limits: { resources, defaulted: [] },
    cgroup: {
      path: group.path,
      writes: writes.filter((each) => !slowsBoot(each)),
      lateWrites: writes.filter(slowsBoot),
    },
    devices: host.filtersDevices ? ociDevices(linux.resources?.devices ?? [], linux.devices) : null,
    userns: user?.maps ?? null,
    mountMaps: [...maps.maps],
    image: null,
    // with a user namespace the others are made when it is there
    clone: { ...clonedOf(user === undefined ? names : ['mount']), pidNamespace: '', networkOf: '' },
    boot: [
      ...ociOomOps(config.process),
      ...ociStreamOps(config.process, user?.maps),
      ...(user === undefined
        ? [
            ...namespaceOps(config, spaces),
            ...divideOps(spaces),
            ...(ownsMounts(config)
              ? rootOps(config, ownParts(config, host.stage, sources, idmapOf), choices.pivots, hooks)
              : unmountedRootOps(config, sources.root, hooks)),
          ]
        : userOps(config, { user, spaces, sources, stage: host.stage, pivots: choices.pivots, idmapOf, hooks })),
      runEverywhere(),
      ...ociProcessOps(config, host.compileSeccomp, {
        ...choices,
        console: ownsMounts(config) && !hasHostDevices(config),
        afterUser: isSeen(spaces) ? [undumpable()] : [],
        startHooks: startHookOps(config, subject),
      }),
    ],
    network: [],
    words: netDeviceWords(linux),
    givesGroup: user !== undefined && spaces.made.includes('cgroup') && makesGroups,
  };
}

const SPACE_FLAGS = { ...NAMESPACE_FLAGS, time: 0x80 } as const;
type Space = keyof typeof SPACE_FLAGS;
/** The types of namespaces that a config may list. */
export const NAMESPACE_TYPES: readonly string[] = [...Object.keys(SPACE_FLAGS), 'user'].sort();
type Cloned = Exclude<Space, 'time'>;

const clonedNames = (made: readonly Space[]) =>
  made.filter((name): name is Cloned => name !== 'cgroup' && name !== 'time');
const clonedOf = (names: Cloned[]) => ({ flags: names.reduce((sum, name) => sum + SPACE_FLAGS[name], 0), names });

/** Whether processes of others see the container from its beginning. */
const isSeen = ({ joined }: Spaces) => joined.some(({ name }) => name === 'pid');

/** A process gets another PID namespace only by its clone, so a child goes on in one that is joined. */
const divideOps = (spaces: Spaces): Op[] => (isSeen(spaces) ? [undumpable(), divide([], 0)] : []);

/**
 * Gives the operations of a container with a user namespace up to its root, see side.ts. What needs rights over the
 * host or over a namespace that is joined is done by the first part.
 */
function userOps(
  config: OciConfig,
  {
    user,
    spaces: { made, joined },
    sources,
    stage,
    pivots,
    idmapOf,
    hooks,
  }: {
    user: UserSpace;
    spaces: Spaces;
    sources: OciSources;
    stage: string;
    pivots: boolean;
    idmapOf: Aside['idmapOf'];
    hooks: RootHooks;
  },
): Op[] {
  const nodes = allNodes(config);
  const isSlave = isSlaveRoot(config);
  const aside = { stage, nodes, isSlave, made, idmapOf, root: sources.root, sources: sources.mounts };
  const early = { made: made.filter((name) => name === 'time'), joined };
  const late = { made: made.filter((name) => name !== 'time'), joined: [] };
  return [
    ...raiseOps(config.process),
    ...namespaceOps(settingsIn(config, early, true), early),
    ...propagationOps(config, stage),
    ...asideOps(config, aside, user),
    ...divideUserOps(user, config.process.user, clonedOf(clonedNames(made))),
    ...namespaceOps(settingsIn(config, early, false), late),
    ...rootOps(config, fromSide(aside), pivots, hooks),
  ];
}

interface Spaces {
  made: Space[];
  joined: { name: Space; path: string }[];
}

/** The namespaces that are made, and those that are joined. All others stay those of the command. */
function namespacesOf({ linux: { namespaces = [] } = {} }: OciConfig): Spaces {
  const spaces: Spaces = { made: [], joined: [] };
  for (const [i, { type, path = '' }] of namespaces.entries()) {
    const field = `linux.namespaces[${i}]`;
    if (namespaces.findIndex((other) => other.type === type) !== i) throw refused(field, `${type} is listed twice`);
    if (type === 'user') continue; // see userSpaceOf()
    if (!Object.hasOwn(SPACE_FLAGS, type))
      throw refused(`${field}.type "${type}"`, 'niwa-oci does not support this yet');
    const name = type as Space;
    if (path === '') spaces.made.push(name);
    else spaces.joined.push({ name, path });
  }
  if (!spaces.made.includes('mount') && namespaces.some(({ type }) => type === 'user'))
    throw refused('linux.namespaces', 'with a user namespace a container needs a new one of type mount, too');
  return spaces;
}

function namespaceOps({ hostname: name = '', domainname: domain = '', linux = {} }: OciConfig, spaces: Spaces): Op[] {
  const { made, joined } = spaces;
  const isMount = (one: { name: Space }) => one.name === 'mount';
  const join = ({ name, path }: Spaces['joined'][number]) => setns(name, SPACE_FLAGS[name], path);
  for (const [field, value] of Object.entries({ hostname: name, domainname: domain }))
    if (value !== '' && !made.includes('uts') && !joined.some((one) => one.name === 'uts'))
      throw refused(field, 'it would change that of others: linux.namespaces needs one of type uts');
  return [
    ...joined.filter((one) => !isMount(one)).map(join),
    ...(made.includes('cgroup') ? [unshare('cgroup', SPACE_FLAGS.cgroup)] : []),
    ...timeOps(linux.timeOffsets ?? {}, made.includes('time')),
    ...(name === '' ? [] : [hostname(name)]),
    ...(domain === '' ? [] : [domainname(domain)]),
    ...(made.includes('network') ? [linkUp('lo')] : []),
    ...sysctlOps(linux.sysctl ?? {}, spaces),
    ...joined.filter(isMount).map(join), // last: the paths of the others are not found there
  ];
}

/** Gives a config with nothing but what it sets in these namespaces; or, where not `isIn`, with all but that. */
function settingsIn(config: OciConfig, { made, joined }: Spaces, isIn: boolean): OciConfig {
  const { hostname: name = '', domainname: domain = '', linux = {} } = config;
  const names: (string | null)[] = [...made, ...joined.map((one) => one.name)];
  const has = (space: string | null) => names.includes(space) === isIn;
  const settings = Object.entries(linux.sysctl ?? {}).filter(([setting]) => has(namespaceOf(setting)));
  return {
    ...config,
    hostname: has('uts') ? name : '',
    domainname: has('uts') ? domain : '',
    linux: {
      ...linux,
      sysctl: Object.fromEntries(settings),
      timeOffsets: has('time') ? (linux.timeOffsets ?? {}) : {},
    },
  };
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
