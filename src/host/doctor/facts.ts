import { accessSync, constants, readdirSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { CONTROLLERS, findCgroup2Mount, findFilesystem, findV1Controllers } from '../cgroup.js';
import { hostResolvConf, nameServers } from '../resolv-conf.js';
import { SYSCTLS } from './needs.js';

/** What the cgroup2 file system shows at its mount point. */
export interface Cgroup2Facts {
  mountPoint: string;
  /** Whether this process may make groups there. */
  writable: boolean;
  /** False where the group at the mount point is not the host's root group, as inside a container. */
  isRoot: boolean;
  /** Whether the group at the mount point has processes of its own. */
  holdsProcesses: boolean;
  /** The words of cgroup.controllers and of cgroup.subtree_control. */
  controllers: string[];
  subtreeControl: string[];
  /** Whether cpu.pressure can be read. */
  pressure: boolean;
  /** The files of a group that is not the root group; null where there is no such group. */
  groupFiles: string[] | null;
}

/** The facts about the host and this process that the kernel tells; plain data, which can be written as JSON. */
export interface HostFacts {
  /** The release from uname(2), such as "6.1.0-13-amd64". */
  kernelRelease: string;
  /** The parameters that the kernel was booted with. */
  commandLine: string;
  /** The effective user id. */
  uid: number;
  /** The mask of CapEff, in hexadecimal. */
  effectiveCapabilities: string;
  /** False inside a user namespace. */
  initialUserNamespace: boolean;
  /**
   * `mode`: the seccomp mode of this process, 0 for none, 2 for a filter, null where the kernel does not say.
   * `actions`: those of filters.
   */
  seccomp: { mode: number | null; actions: string[] };
  /** The type of the root file system (/); null where it is not known. */
  rootFilesystem: string | null;
  /**
   * Whether the kernel was built with device filters for groups; null where the kernel does not show its configuration.
   */
  deviceFilter: boolean | null;
  /** The file systems that the kernel has loaded now. */
  filesystems: string[];
  /**
   * Whether the kernel was built with nftables rules that count connections; null where it does not show its
   * configuration.
   */
  connectionCount: boolean | null;
  /**
   * Whether the kernel was built with queues for packets, and with a rule of nftables that gives packets to them; null
   * where it does not show its configuration.
   */
  packetQueue: boolean | null;
  /** Whether overlayfs is among the kernel modules on disk. */
  overlayModule: boolean;
  /** The kinds of namespaces, as named in /proc/self/ns. */
  namespaces: string[];
  /** Null where cgroup2 is not mounted. */
  cgroup2: Cgroup2Facts | null;
  /** The mount point of each controller on cgroup v1, by its v2 name. */
  v1Controllers: Record<string, string>;
  /** The controllers in /proc/cgroups, by their v2 names. The number of the hierarchy is 0 for cgroup v2. */
  kernelControllers: Record<string, { hierarchy: number; enabled: boolean }>;
  /** Whether /proc/pressure can be read. */
  pressure: boolean;
  /** The limits of this process, by the names in /proc/self/limits without "Max". Values are numbers or "unlimited". */
  rlimits: Record<string, { soft: string; hard: string }>;
  /** The name servers of this host that bridged containers reach. */
  nameServers: string[];
  /** The text of each of {@link SYSCTLS}; null where it cannot be read. */
  sysctls: Record<string, string | null>;
}

/**
 * Collects the facts that {@link diagnose} judges, from /proc, /sys and uname alone. Needs no privilege, and changes
 * nothing. What cannot be read counts as missing. See proc(5) and cgroups(7).
 */
export function readHostFacts(): HostFacts {
  const kernelRelease = release();
  const status = readText('/proc/self/status') ?? '';
  const mountinfo = readText('/proc/self/mountinfo') ?? '';
  const mountPoint = findCgroup2Mount(mountinfo);
  const config = readGzip('/proc/config.gz') ?? readText(`/boot/config-${kernelRelease}`);
  return {
    kernelRelease,
    commandLine: (readText('/proc/cmdline') ?? '').trim(),
    uid: Number(statusField(status, 'Uid')?.split(/\s+/)[1] ?? -1),
    effectiveCapabilities: statusField(status, 'CapEff') ?? '0',
    initialUserNamespace: isInitialUserNamespace(),
    seccomp: readSeccomp(status),
    rootFilesystem: findFilesystem(mountinfo, '/') ?? null,
    deviceFilter: hasOption(config, 'CONFIG_CGROUP_BPF'),
    connectionCount: hasOption(config, 'CONFIG_NFT_CONNLIMIT'),
    packetQueue: hasPacketQueue(config),
    filesystems: readLines('/proc/filesystems').map((line) => line.split('\t')[1] ?? ''),
    overlayModule: hasOverlayModule(kernelRelease),
    namespaces: readNames('/proc/self/ns'),
    cgroup2: mountPoint === undefined ? null : readCgroup2(mountPoint),
    v1Controllers: findV1Controllers(mountinfo),
    kernelControllers: readKernelControllers(),
    pressure: readText('/proc/pressure/cpu') !== null,
    rlimits: readRlimits(),
    nameServers: nameServers(hostResolvConf(true), true),
    sysctls: Object.fromEntries(SYSCTLS.map((name) => [name, readSysctl(name)])),
  };
}

function readCgroup2(mountPoint: string): Cgroup2Facts {
  const isRoot = readText(join(mountPoint, 'cgroup.events')) === null; // the root group has no such file
  const group = isRoot ? firstDirectory(mountPoint) : mountPoint;
  const groupFiles = group === undefined ? [] : readNames(group);
  return {
    mountPoint,
    writable: isWritable(mountPoint),
    isRoot,
    holdsProcesses: readWords(join(mountPoint, 'cgroup.procs')).length > 0,
    controllers: readWords(join(mountPoint, 'cgroup.controllers')),
    subtreeControl: readWords(join(mountPoint, 'cgroup.subtree_control')),
    pressure: readText(join(mountPoint, 'cpu.pressure')) !== null,
    groupFiles: groupFiles.length === 0 ? null : groupFiles,
  };
}

/** The initial user namespace is known by its id map, which maps every id to itself, see user_namespaces(7). */
function isInitialUserNamespace(): boolean {
  const map = readWords('/proc/self/uid_map');
  return map.length === 0 || map.join(' ') === '0 0 4294967295';
}

function readSeccomp(status: string): HostFacts['seccomp'] {
  const mode = statusField(status, 'Seccomp');
  return {
    mode: mode === undefined ? null : Number(mode),
    actions: readWords('/proc/sys/kernel/seccomp/actions_avail'),
  };
}

/**
 * Says whether a kernel option is built in or a module.
 * @param config the text from the kernel itself, or from its package in /boot
 */
function hasOption(config: string | null, option: string): boolean | null {
  return config === null ? null : new RegExp(`^${option}=[ym]$`, 'm').test(config);
}

function hasPacketQueue(config: string | null): boolean | null {
  const has = (...options: string[]) => options.every((option) => hasOption(config, `CONFIG_${option}`));
  if (config === null) return null;
  return has('NETFILTER_NETLINK_QUEUE') && (has('NFT_QUEUE') || has('NFT_COMPAT', 'NETFILTER_XT_TARGET_NFQUEUE'));
}

function hasOverlayModule(kernelRelease: string): boolean {
  const lists = ['modules.builtin', 'modules.dep'].map((name) => `/lib/modules/${kernelRelease}/${name}`);
  return lists.some((path) => readText(path)?.includes('/overlay.ko') ?? false);
}

/** Reads /proc/cgroups. The fields of a line: name, hierarchy, number of groups, enabled. */
function readKernelControllers(): HostFacts['kernelControllers'] {
  const rows = readLines('/proc/cgroups').map((line) => line.split('\t'));
  const controllers = rows.map(([name = '', hierarchy, , enabled]) => {
    const state = { hierarchy: Number(hierarchy), enabled: enabled === '1' };
    return [name === 'blkio' ? 'io' : name, state] as const;
  });
  return Object.fromEntries(controllers.filter(([name]) => CONTROLLERS.some((known) => known === name)));
}

/** Reads /proc/self/limits. A line: "Max open files            1024                 1048576              files". */
function readRlimits(): HostFacts['rlimits'] {
  const rows = readLines('/proc/self/limits').map((line) => /^Max (.+?) {2,}(\S+) +(\S+)/.exec(line));
  return Object.fromEntries(rows.flatMap((row) => (row ? [[row[1], { soft: row[2] ?? '', hard: row[3] ?? '' }]] : [])));
}

function readSysctl(name: string): string | null {
  return readText(`/proc/sys/${name.replaceAll('.', '/')}`)?.trim() ?? null;
}

function statusField(status: string, name: string): string | undefined {
  return new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1];
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

function firstDirectory(path: string): string | undefined {
  try {
    const found = readdirSync(path, { withFileTypes: true }).find((entry) => entry.isDirectory());
    return found && join(path, found.name);
  } catch {
    return undefined;
  }
}

function readNames(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function readText(path: string): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return null;
  }
}

function readGzip(path: string): string | null {
  try {
    return gunzipSync(readFileSync(path)).toString();
  } catch {
    return null;
  }
}

function readLines(path: string): string[] {
  return (readText(path) ?? '').split('\n').filter((line) => line !== '');
}

function readWords(path: string): string[] {
  return (readText(path) ?? '').split(/\s+/).filter((word) => word !== '');
}
