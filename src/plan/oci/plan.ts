import type { Resources } from '../../protocol/resolved-spec.js';
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
  symlink,
  sysctl,
  unshare,
} from '../ops.js';
import type { HostView, Plan } from '../plan.js';
import { type Controllers, slowsBoot } from '../resources.js';
import type { OciConfig } from './config.js';
import { ociMountOp } from './mounts.js';
import { ociOomOps, ociProcessOps } from './process.js';
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
 * @throws NiwaError SPEC_INVALID for a field that niwa does not honour, HOST_UNSUPPORTED for a limit without controller
 */
export function makeOciPlan(
  id: string,
  config: OciConfig,
  host: HostView,
  sources: OciSources,
  resources: Resources,
): Plan {
  const { linux = {} } = config;
  const spaces = namespacesOf(config);
  const group = sources.group ?? { path: `${host.containersCgroup}/${id}`, controllers: host.controllers };
  const writes = ociLimitWrites(linux.resources ?? {}, group.controllers);
  const names = spaces.made.filter((name) => name !== 'cgroup');
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
      flags: names.reduce((sum, name) => sum + NAMESPACE_FLAGS[name], 0),
      names,
      pidNamespace: '',
      networkOf: '',
    },
    boot: [
      ...ociOomOps(config.process),
      ...namespaceOps(config, spaces),
      ...rootOps(config, host.stage, sources),
      ...ociProcessOps(config, host.compileSeccomp),
    ],
    network: [],
  };
}

type Space = keyof typeof NAMESPACE_FLAGS;
interface Spaces {
  made: Space[];
  joined: { name: Space; path: string }[];
}

/** The namespaces that are made, and those that are joined. All others stay those of the command. */
function namespacesOf({ linux: { namespaces = [] } = {} }: OciConfig): Spaces {
  const spaces: Spaces = { made: [], joined: [] };
  for (const [i, { type, path = '' }] of namespaces.entries()) {
    const field = `linux.namespaces[${i}]`;
    if (!(type in NAMESPACE_FLAGS)) throw refused(`${field}.type "${type}"`, 'niwa-oci does not support this yet');
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

function namespaceOps({ hostname: name, linux = {} }: OciConfig, { made, joined }: Spaces): Op[] {
  if (name !== undefined && name !== '' && !made.includes('uts'))
    throw refused('hostname', 'it would change that of others: linux.namespaces needs a new one of type uts');
  return [
    ...joined.map(({ name, path }) => setns(name, NAMESPACE_FLAGS[name], path)),
    ...(made.includes('cgroup') ? [unshare('cgroup', NAMESPACE_FLAGS.cgroup)] : []),
    ...(name === undefined || name === '' ? [] : [hostname(name)]),
    ...(made.includes('network') ? [linkUp('lo')] : []),
    ...Object.entries(linux.sysctl ?? {}).map(([setting, value]) => sysctl(setting, value)),
  ];
}

function rootOps(
  { root: { readonly = false }, mounts = [], process, linux = {} }: OciConfig,
  stage: string,
  sources: OciSources,
): Op[] {
  const { devices = [], maskedPaths = [], readonlyPaths = [], rootfsPropagation = '' } = linux;
  if (!['', 'private', 'rprivate'].includes(rootfsPropagation))
    throw refused(`linux.rootfsPropagation "${rootfsPropagation}"`, 'niwa-oci supports only "private" yet');
  const named = devices.map((device, i) => nodeOf(device, `linux.devices[${i}]`));
  const usual = DEVICES.filter(([path]) => named.every((own) => own.path !== path));
  return [
    privateMounts(),
    bind(sources.root, stage, { place: 'host' }),
    root(stage),
    ...mounts.map((item, i) => ociMountOp(item, `mounts[${i}]`, sources.mounts[i])),
    ...named.map(({ path, mode, major, minor }) => mknod(path, mode, major, minor)),
    ...usual.map(([path, major, minor]) => mknod(path, 0o666, major, minor)),
    ...LINKS.map(([target, path]) => symlink(target, path)),
    ...(process.cwd === '/' ? [] : [mkdir(process.cwd, 0o755)]),
    ...maskedPaths.map(maskPath),
    ...readonlyPaths.map(readonlyPath),
    ...(readonly ? [remountRoot(['ro'])] : []),
    pivot(),
  ];
}
