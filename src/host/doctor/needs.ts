import type { CONTROLLERS } from '../cgroup.js';

/** The tables of diagnose(): what niwad needs of a host, and what 1,000 containers need. */

/** The number of containers for which the limits are judged. */
export const DENSE_CONTAINERS = 1_000;

/**
 * 12 files of statistics, the group, its events, the pidfd, the socket of the boot helper, two pipes, two log files,
 * and a reserve.
 */
export const DESCRIPTORS_PER_CONTAINER = 24;
export const DESCRIPTORS_OF_NIWAD = 1_000;
export const ADVISED_DESCRIPTORS = 1_048_576;

/** The processes and threads of one user in all containers together. */
export const ENOUGH_PROCESSES = 32_768;

/** cgroup.kill, which niwad needs, came with 5.14; 6.1 is the first long-term kernel with memory.peak (5.19). */
export const REQUIRED_KERNEL = [5, 14] as const;
export const RECOMMENDED_KERNEL = [6, 1] as const;

/**
 * The capabilities that niwad uses itself: for mounts and namespaces, devices, the loopback interface, the identity of
 * a workload.
 */
export const OWN_CAPABILITIES = ['SYS_ADMIN', 'MKNOD', 'NET_ADMIN', 'SETPCAP'];

export const IDMAPPED_LAYERS_SINCE = [5, 19] as const;

/** The file systems that are in the root of every container. */
export const FILESYSTEMS = ['proc', 'sysfs', 'tmpfs', 'devpts', 'mqueue'];

/**
 * The kinds of namespaces; niwad runs without those that are not `required`. `each`: a container makes one, unless its
 * spec says otherwise.
 */
export const NAMESPACES: NamespaceNeed[] = [
  { name: 'mnt', required: true, config: 'CONFIG_NAMESPACES', meaning: 'Gives a container its own mounts.' },
  {
    name: 'pid',
    required: true,
    config: 'CONFIG_PID_NS',
    meaning: 'Hides the processes of the host from a container.',
  },
  { name: 'net', required: true, config: 'CONFIG_NET_NS', meaning: 'Gives a container its own network interfaces.' },
  {
    name: 'ipc',
    required: true,
    config: 'CONFIG_IPC_NS',
    meaning: 'Gives a container its own shared memory and queues.',
  },
  { name: 'uts', required: true, config: 'CONFIG_UTS_NS', meaning: 'Gives a container its own host name.' },
  { name: 'cgroup', required: true, config: 'CONFIG_CGROUPS', meaning: 'Shows a container its own group as the root.' },
  {
    name: 'user',
    required: false,
    config: 'CONFIG_USER_NS',
    meaning:
      'Gives a container users of its own; without it niwad runs, but only containers with userns "host" start, not the default ones.',
  },
  {
    name: 'time',
    required: false,
    each: false,
    config: 'CONFIG_TIME_NS',
    meaning: 'niwad makes none; workloads do that change the boot time they see.',
  },
];

export interface NamespaceNeed {
  name: string;
  required: boolean;
  each?: boolean;
  config: string;
  meaning: string;
}

export const CONTROLLER_MEANINGS: Record<(typeof CONTROLLERS)[number], string> = {
  cpu: 'Limits processor time and counts throttling; without it resources.cpu.max, burst and weight are refused, usage is counted all the same.',
  memory:
    'Limits and counts memory; without it resources.memory is refused, and no default keeps one container from all memory of the host.',
  io: 'Limits and counts block I/O; without it resources.io is refused.',
  pids: 'Limits and counts processes; without it resources.pids is refused, no default bounds a container, and a fork bomb meets only the limits of the host.',
  cpuset: 'Binds a container to processors; without it resources.cpu.cpus is refused.',
};

export interface Limit {
  sysctl: string;
  /** The lowest value that is enough for {@link DENSE_CONTAINERS}. */
  enough: number;
  advised: number;
  meaning: string;
}

/**
 * The sysctls that limit a host with many containers. The kernel's defaults are made for a host with few users. Many of
 * these limits count for each user id, and containers without a user namespace share their user ids.
 * The choice follows LXD's "Server settings for a production setup", https://documentation.ubuntu.com/lxd/.
 */
export const LIMITS: Limit[] = [
  {
    sysctl: 'fs.file-max',
    enough: 262_144,
    advised: 2_097_152,
    meaning: 'Open files of the whole host; beyond it open() fails everywhere with ENFILE.',
  },
  {
    sysctl: 'fs.nr_open',
    enough: ADVISED_DESCRIPTORS,
    advised: ADVISED_DESCRIPTORS,
    meaning: 'The most that RLIMIT_NOFILE of any process can be set to.',
  },
  {
    sysctl: 'fs.inotify.max_user_instances',
    enough: 4_096,
    advised: 1_048_576,
    meaning:
      'inotify instances of one user in all containers; beyond it file watchers such as `tail -f` fail with EMFILE.',
  },
  {
    sysctl: 'fs.inotify.max_user_watches',
    enough: 262_144,
    advised: 1_048_576,
    meaning: 'inotify watches of one user in all containers; beyond it file watchers fail with ENOSPC.',
  },
  {
    sysctl: 'fs.inotify.max_queued_events',
    enough: 16_384,
    advised: 16_384,
    meaning: 'Events that one inotify instance may have waiting; beyond it a file watcher loses events.',
  },
  {
    sysctl: 'fs.aio-max-nr',
    enough: 524_288,
    advised: 1_048_576,
    meaning:
      'Asynchronous I/O requests of the whole host; a MySQL server reserves more than 2,000, beyond it they fail with EAGAIN.',
  },
  {
    sysctl: 'kernel.keys.maxkeys',
    enough: 2_000,
    advised: 2_000,
    meaning: 'Kernel keys of one user in all containers; beyond it new keys and keyrings fail with EDQUOT.',
  },
  {
    sysctl: 'kernel.keys.maxbytes',
    enough: 2_000_000,
    advised: 2_000_000,
    meaning: 'Bytes of the kernel keys of one user in all containers; beyond it new keys fail with EDQUOT.',
  },
  {
    sysctl: 'kernel.keys.root_maxkeys',
    enough: 10_000,
    advised: 1_000_000,
    meaning: 'Kernel keys of root, also of root in containers.',
  },
  {
    sysctl: 'kernel.keys.root_maxbytes',
    enough: 2_000_000,
    advised: 25_000_000,
    meaning: 'Bytes of the kernel keys of root, also of root in containers.',
  },
  {
    sysctl: 'kernel.pid_max',
    enough: 65_536,
    advised: 4_194_304,
    meaning:
      'Process numbers of the host; each process and each thread in a container takes one, beyond it fork fails with EAGAIN.',
  },
  {
    sysctl: 'kernel.threads-max',
    enough: 65_536,
    advised: 262_144,
    meaning:
      'Processes and threads of the host; the kernel sets it by the size of memory, beyond it fork fails with EAGAIN.',
  },
  {
    sysctl: 'vm.max_map_count',
    enough: 262_144,
    advised: 262_144,
    meaning:
      'Memory mappings of one process; Elasticsearch refuses to start with less, large JVMs and databases fail with ENOMEM.',
  },
  {
    sysctl: 'net.ipv4.neigh.default.gc_thresh3',
    enough: 4_096,
    advised: 8_192,
    meaning:
      'IPv4 neighbours in all network namespaces together; beyond it packets are dropped with "neighbor table overflow".',
  },
  {
    sysctl: 'net.netfilter.nf_conntrack_max',
    enough: 131_072,
    advised: 1_048_576,
    meaning:
      'Connections of the host and all bridged containers together; beyond it packets are dropped with "nf_conntrack: table full". A container has network.connectionsPerContainer of them at most.',
  },
  {
    sysctl: 'net.ipv6.neigh.default.gc_thresh3',
    enough: 4_096,
    advised: 8_192,
    meaning:
      'IPv6 neighbours in all network namespaces together; beyond it packets are dropped with "neighbor table overflow".',
  },
];

export const MEMFD_NOEXEC = 'vm.memfd_noexec';
export const MODULES_DISABLED = 'kernel.modules_disabled';
/** The sysctls that can forbid user namespaces to users without privileges, each with the value that allows them. */
export const USER_NAMESPACE_GATES = {
  'kernel.unprivileged_userns_clone': '1',
  'kernel.apparmor_restrict_unprivileged_userns': '0',
};

/** The sysctls that diagnose() looks at. */
export const SYSCTLS: readonly string[] = [
  ...LIMITS.map(({ sysctl }) => sysctl),
  ...NAMESPACES.map(({ name }) => namespaceSysctl(name)),
  ...Object.keys(USER_NAMESPACE_GATES),
  MEMFD_NOEXEC,
  MODULES_DISABLED,
];

/** Gives the name of the sysctl that limits the number of namespaces of a kind, such as `"user"`, see namespaces(7). */
export function namespaceSysctl(name: string): string {
  return `user.max_${name}_namespaces`;
}
