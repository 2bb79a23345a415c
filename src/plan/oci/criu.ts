import { posix } from 'node:path';
import { type MountLine, parseMountinfo } from '../mountinfo.js';
import type { OciConfig } from './config.js';
import { isBind } from './mounts.js';
import { refused } from './refusal.js';
import { ownsMounts } from './root.js';
import { hasMappedIds, userSpaceOf } from './userns.js';

/**
 * What CRIU is told at a checkpoint and a restore, see criu(8): what of a container it has to make anew, and what is of
 * others.
 */

/** A word for the command that runs CRIU: `arg` of its command line, and what native/oci/criu.c says. */
export type CriuWord = readonly [name: string, value: string];

/** File systems that CRIU makes anew, also where the host has the same one: they show a namespace. */
const MADE_ANEW = ['proc', 'sysfs', 'mqueue', 'devpts', 'cgroup', 'cgroup2'];
/** The name of a joined network namespace in the images, as that of other runtimes. */
const JOINED_NETWORK = 'extRootNetNS';
const args = (...words: string[]): CriuWord[] => words.map((word) => ['arg', word]);
const LOG_ALL = '-v4';
/** Leaves groups of cgroup v1 out, where the host has any: those of v2 have no name there. */
const V2_ALONE = ['--cgroup-dump-controller', ''];

/** What is known of the container that is dumped. */
export interface DumpSubject {
  /** Its first process, as the command sees it. */
  pid: number;
  /** The start time of that process: field 22 of /proc/PID/stat. */
  startTicks: bigint;
  /** The directory of its group, and the path of that in the tree of cgroup v2. */
  group: string;
  groupInTree: string;
  /** The text of /proc/PID/cgroup. */
  groups: string;
  /** The texts of /proc/PID/mountinfo: its own, and that of the host. */
  mounts: string;
  hostMounts: string;
  /** The number of its network namespace. */
  network: string;
}

/**
 * Gives the words of a dump. Pure.
 * @param config what is saved of the config of the container
 * @param flags further options of CRIU
 * @throws NiwaError SPEC_INVALID for a container that cannot be restored
 */
export function dumpWords(
  config: Pick<OciConfig, 'process' | 'linux'>,
  { pid, startTicks, group, groupInTree, groups, mounts, hostMounts, network }: DumpSubject,
  flags: readonly string[],
): CriuWord[] {
  requireRestorable(config);
  if (!groups.split('\n').some((line) => line.startsWith('0::') && line.endsWith(groupInTree)))
    throw refused('cgroup', 'a container whose first process is in a group below its own cannot be checkpointed yet');
  const external = externalMounts(mounts, hostMounts).flatMap((path) => ['--external', `mnt[${path}]:${path}`]);
  const joined = joinedNetwork(config) === undefined ? [] : ['--external', `net[${network}]:${JOINED_NETWORK}`];
  return [
    ['pid', String(pid)],
    ['start', String(startTicks)],
    ...args('dump', '--tree', String(pid), LOG_ALL, '--freeze-cgroup', group, '--manage-cgroups=soft', ...V2_ALONE),
    ...args(...external, ...joined, ...flags.map((flag) => `--${flag}`)),
  ];
}

/** Where a container is restored. */
export interface RestoreSubject {
  /** The path of its root, and of the source of each bind of its config. */
  sources: { root: string; mounts: readonly (string | undefined)[] };
  /** The directory at which CRIU finds the root. */
  stage: string;
  /** The path of its group in the tree of cgroup v2. */
  group: string;
}

/**
 * Gives the words of a restore. Pure.
 * @throws NiwaError SPEC_INVALID for a config that none of the dumped containers can have
 */
export function restoreWords(
  config: OciConfig,
  { sources, stage, group }: RestoreSubject,
  flags: readonly string[],
): CriuWord[] {
  requireRestorable(config);
  const { root, mounts = [], linux: { maskedPaths = [] } = {} } = config;
  const mapped = mounts.findIndex(hasMappedIds);
  if (mapped >= 0)
    throw refused(`mounts[${mapped}]`, 'a container that maps the ids of a mount cannot be restored yet');
  const binds = mounts.flatMap((item, i) => (isBind(item) ? [[item.destination, sources.mounts[i] ?? '']] : []));
  const masks = maskedPaths.map((path) => [path, '/dev/null']);
  const external = [...binds, ...masks].flatMap(([path = '', source = '']) => [
    '--external',
    `mnt[${posix.resolve('/', path)}]:${source}`,
  ]);
  const network = joinedNetwork(config);
  return [
    ['root', sources.root],
    ['stage', stage],
    ...(root.readonly ? [['readonly', 'true'] as const] : []),
    // as a child of the command, not of CRIU
    ...args('restore', '--restore-detached', '--restore-sibling', LOG_ALL, '--root', stage),
    // niwad has made the group and its limits: CRIU adds only groups below it
    ...args('--manage-cgroups=soft', '--cgroup-root', group, ...external, ...flags.map((flag) => `--${flag}`)),
    ...(network === undefined ? [] : [['join', `${JOINED_NETWORK}:${network}`] as const]),
  ];
}

/** @throws NiwaError SPEC_INVALID */
function requireRestorable(config: Pick<OciConfig, 'process' | 'linux'>): void {
  const { namespaces = [] } = config.linux ?? {};
  const isOther = ({ type, path = '' }: { type: string; path?: string }) => path !== '' && type !== 'network';
  const joined = namespaces.find(isOther);
  if (config.process.terminal === true)
    throw refused('process.terminal', 'a container with a terminal cannot be checkpointed or restored yet');
  if (userSpaceOf(config) !== undefined)
    throw refused('linux.namespaces', 'a container with a user namespace cannot be checkpointed or restored yet');
  if (joined !== undefined)
    throw refused('linux.namespaces', `a container in the ${joined.type} namespace of others cannot be checkpointed`);
  if (!ownsMounts(config))
    throw refused('linux.namespaces', 'a container without a new mount namespace cannot be checkpointed');
}

function joinedNetwork({ linux }: Pick<OciConfig, 'linux'>): string | undefined {
  const path = linux?.namespaces?.find(({ type }) => type === 'network')?.path ?? '';
  return path === '' ? undefined : path;
}

/**
 * Gives the mount points of a container at which it shows a file system of the host. Pure.
 * @throws NiwaError SPEC_INVALID for one below another: a restore would not know what to mount there
 */
export function externalMounts(mounts: string, hostMounts: string): string[] {
  const ofHost = new Set(parseMountinfo(hostMounts).map(({ device }) => device));
  const isExternal = ({ point, device, type }: MountLine) =>
    point !== '/' && ofHost.has(device) && !MADE_ANEW.includes(type);
  const external = parseMountinfo(mounts).filter(isExternal);
  const inner = external.find(({ parent }) => external.some(({ id }) => id === parent));
  if (inner !== undefined)
    throw refused(inner.point, 'this mount is inside another one of the host: such a container cannot be checkpointed');
  return external.map(({ point }) => point);
}
