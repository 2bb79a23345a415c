import { capabilityMask, resolveCapabilities } from '../spec/capabilities.js';
import { CONTROLLERS } from './cgroup.js';
import type { HostFacts } from './facts.js';
import { IDMAPPED_SINCE } from './filesystems.js';
import {
  ADVISED_DESCRIPTORS,
  CONTROLLER_MEANINGS,
  DENSE_CONTAINERS,
  DESCRIPTORS_OF_NIWAD,
  DESCRIPTORS_PER_CONTAINER,
  ENOUGH_PROCESSES,
  FILESYSTEMS,
  IDMAPPED_LAYERS_SINCE,
  LIMITS,
  type Limit,
  MEMFD_NOEXEC,
  MODULES_DISABLED,
  NAMESPACES,
  type NamespaceNeed,
  namespaceSysctl,
  OWN_CAPABILITIES,
  RECOMMENDED_KERNEL,
  REQUIRED_KERNEL,
  USER_NAMESPACE_GATES,
} from './needs.js';

/**
 * What one look at the host found. `missing` says that niwad cannot run without it, and is given only where `required`;
 * `warning` says that something will not work, or not for many containers.
 */
export interface Check {
  name: string;
  status: 'ok' | 'warning' | 'missing';
  required: boolean;
  found: string;
  /** What it is good for, so also what is lost without it. */
  meaning: string;
  cure: string | null;
}

type Verdict = Pick<Check, 'status' | 'found' | 'cure'>;

/** Judges what niwad needs of a host, what its users may miss, and what 1,000 containers would run into. Pure. */
export function diagnose(facts: HostFacts): Check[] {
  return [
    checkKernel(facts),
    checkRoot(facts),
    checkResourceCapability(facts),
    checkMemfd(facts),
    checkFilesystems(facts),
    checkOverlay(facts),
    ...NAMESPACES.map((namespace) => checkNamespace(namespace, facts)),
    checkUserNamespaceGates(facts),
    checkIdMappedMounts(facts),
    checkSeccomp(facts),
    checkDeviceFilter(facts),
    checkCgroupMount(facts),
    ...CONTROLLERS.map((name) => checkController(name, facts)),
    checkGroupFile('cgroup.kill', [5, 14], 'Ends all processes of a container at once.', facts),
    checkGroupFile('cgroup.freeze', [5, 2], 'Pauses a container.', facts),
    checkSwapAccounting(facts),
    checkPressure(facts),
    checkGroupPressure(facts),
    checkOpenFiles(facts),
    checkProcesses(facts),
    checkNameServers(facts),
    checkConnectionCount(facts),
    ...LIMITS.map((limit) => checkLimit(limit, facts)),
  ];
}

/** Whether niwad could run on the host of these checks, as the user who made them. */
export function canRun(checks: readonly Check[]): boolean {
  return checks.every(({ required, status }) => !(required && status === 'missing'));
}

const ok = (found: string): Verdict => ({ status: 'ok', found, cure: null });
const warning = (found: string, cure: string): Verdict => ({ status: 'warning', found, cure });
const missing = (found: string, cure: string): Verdict => ({ status: 'missing', found, cure });

function required(name: string, meaning: string, { status, found, cure }: Verdict): Check {
  return { name, status, required: true, found, meaning, cure };
}

function optional(name: string, meaning: string, { status, found, cure }: Verdict): Check {
  return { name, status, required: false, found, meaning, cure };
}

function checkKernel({ kernelRelease }: HostFacts): Check {
  const cure =
    'Install Linux 6.1 or newer; at least 5.14 is needed. Debian 12 and Ubuntu 24.04 and their successors have it.';
  const verdict = () => {
    if (!isKernelFrom(kernelRelease, REQUIRED_KERNEL)) return missing(kernelRelease, cure);
    return isKernelFrom(kernelRelease, RECOMMENDED_KERNEL) ? ok(kernelRelease) : warning(kernelRelease, cure);
  };
  return required(
    'kernel',
    'From 5.14 Linux has all that niwad works with: clone3 into a cgroup, pidfds, openat2, mount_setattr, cgroup.kill; before 5.19 usage records lack the memory peak.',
    verdict(),
  );
}

function checkRoot({ uid, effectiveCapabilities, initialUserNamespace }: HostFacts): Check {
  const needed = [...new Set([...OWN_CAPABILITIES, ...resolveCapabilities([], [])])];
  const lacking = needed.filter((name) => !hasCapability(effectiveCapabilities, name));
  const verdict = () => {
    if (!initialUserNamespace)
      return missing(`uid ${uid} in a user namespace`, 'Run niwad on the host itself, or in a privileged container.');
    if (lacking.length === 0) return ok(`uid ${uid}`);
    return missing(
      `uid ${uid} without ${lacking.map((name) => `CAP_${name}`).join(', ')}`,
      uid === 0
        ? 'Give niwad these capabilities; CapabilityBoundingSet= of its unit, or the container around it, takes them away.'
        : 'Run niwad as root; `sudo niwa doctor` shows what root finds.',
    );
  };
  return required(
    'root',
    'niwad makes namespaces, mounts and devices, and gives workloads their capabilities.',
    verdict(),
  );
}

function checkResourceCapability({ effectiveCapabilities }: HostFacts): Check {
  return optional(
    'CAP_SYS_RESOURCE',
    'Raises hard limits and lowers oom_score_adj; without it a spec that asks for more than niwad itself has fails to start.',
    hasCapability(effectiveCapabilities, 'SYS_RESOURCE')
      ? ok('yes')
      : warning('no', 'Run niwad as root with all capabilities; add it to CapabilityBoundingSet= of its unit.'),
  );
}

function checkMemfd({ sysctls }: HostFacts): Check {
  return required(
    MEMFD_NOEXEC,
    'niwad executes its boot helper from a sealed memfd, which a container cannot rewrite.',
    sysctls[MEMFD_NOEXEC] === '2'
      ? missing('2: no memfd can be executed', sysctlCure(MEMFD_NOEXEC, 1))
      : ok(sysctls[MEMFD_NOEXEC] ?? 'no such limit here'),
  );
}

function checkFilesystems({ filesystems }: HostFacts): Check {
  const lacking = FILESYSTEMS.filter((name) => !filesystems.includes(name));
  return required(
    'file systems',
    'The root of every container is made of them.',
    lacking.length === 0
      ? ok(FILESYSTEMS.join(', '))
      : missing(
          `no ${lacking.join(', ')}`,
          'Run a kernel with CONFIG_SYSFS, CONFIG_TMPFS, CONFIG_UNIX98_PTYS and CONFIG_POSIX_MQUEUE.',
        ),
  );
}

function checkOverlay({ filesystems, overlayModule, sysctls }: HostFacts): Check {
  const loadable = overlayModule && sysctls[MODULES_DISABLED] !== '1';
  const verdict = () => {
    if (filesystems.includes('overlay')) return ok('in the kernel');
    if (loadable) return ok('a module, loaded at the first mount');
    return overlayModule
      ? warning(
          'a module that is not loaded, and kernel.modules_disabled is 1',
          'Load overlay at boot in /etc/modules-load.d.',
        )
      : warning('not in this kernel', 'Run a kernel with CONFIG_OVERLAY_FS, or install its modules package.');
  };
  return optional(
    'overlayfs',
    'Lets containers share a root that each may write to; root.overlay needs it.',
    verdict(),
  );
}

function checkNamespace(
  { name, required: needed, each = true, config, meaning }: NamespaceNeed,
  facts: HostFacts,
): Check {
  const sysctl = namespaceSysctl(name);
  const most = facts.sysctls[sysctl] ?? null;
  const enough = each ? 2 * DENSE_CONTAINERS : 1;
  const bad = needed ? missing : warning;
  const verdict = () => {
    if (!facts.namespaces.includes(name)) return bad('not in this kernel', `Run a kernel with ${config}.`);
    if (most === null) return ok('yes');
    if (most === '0') return bad(`${sysctl} is 0`, sysctlCure(sysctl, 65_536));
    return Number(most) < enough ? warning(`at most ${most}`, sysctlCure(sysctl, 65_536)) : ok(`at most ${most}`);
  };
  return (needed ? required : optional)(`namespace ${name}`, meaning, verdict());
}

function checkUserNamespaceGates({ sysctls }: HostFacts): Check {
  const closed = Object.entries(USER_NAMESPACE_GATES).filter(([name, open]) => (sysctls[name] ?? open) !== open);
  return optional(
    'unprivileged user namespaces',
    'Let a workload without privileges and with seccomp "unconfined" sandbox itself, such as a browser; niwad does not need them.',
    closed.length === 0
      ? ok('allowed')
      : warning(
          closed.map(([name]) => `${name} is ${sysctls[name]}`).join(', '),
          `Only where workloads need them: ${closed.map(([name, open]) => sysctlCure(name, Number(open))).join(' ')}`,
        ),
  );
}

function checkSeccomp({ seccomp: { mode, actions } }: HostFacts): Check {
  const verdict = () => {
    if (mode === null || actions.length === 0)
      return warning(
        'not in this kernel',
        'Run a kernel with CONFIG_SECCOMP_FILTER; until then say seccomp "unconfined" in the spec.',
      );
    if (mode !== 0)
      return warning(
        'a filter is on this process',
        'Run niwad outside of the sandbox that filters it (for Docker: --security-opt seccomp=unconfined).',
      );
    return ok(`filters with ${actions.join(', ')}`);
  };
  return optional(
    'seccomp',
    'Filters the system calls of a workload: without filters only containers with seccomp "unconfined" start, not the default ones; a filter on niwad itself holds for all containers and may forbid clone3 or mounts.',
    verdict(),
  );
}

function checkIdMappedMounts({ kernelRelease, rootFilesystem }: HostFacts): Check {
  const since = IDMAPPED_SINCE[rootFilesystem ?? ''];
  const verdict = () => {
    if (!isKernelFrom(kernelRelease, IDMAPPED_LAYERS_SINCE))
      return warning(
        `Linux ${kernelRelease}: not below an overlay`,
        'Install Linux 6.3 or newer; until then say userns "host" for a root with an overlay.',
      );
    if (since !== undefined && isKernelFrom(kernelRelease, since)) return ok(`${rootFilesystem} on /`);
    const newer = since === undefined ? '' : `, or install Linux ${since.join('.')} or newer`;
    return warning(
      `not of ${rootFilesystem ?? 'what is'} on /`,
      `Keep roots and the sources of mounts on another file system, such as ext4${newer}; or say userns "host" for a root and idmap false for a mount.`,
    );
  };
  return optional(
    'id-mapped mounts',
    'Show the files of a root or a bind mount with the ids of the container: ext4 and XFS from Linux 5.12, Btrfs 5.15, layers of an overlay 5.19, tmpfs 6.3; never 9p, NFS or an overlay itself. Where it cannot be, the start fails; the default root needs none.',
    verdict(),
  );
}

function checkDeviceFilter({ deviceFilter }: HostFacts): Check {
  const verdict = () => {
    if (deviceFilter === null) return ok('not known: this kernel does not show its configuration');
    return deviceFilter ? ok('yes') : warning('not in this kernel', 'Run a kernel with CONFIG_CGROUP_BPF.');
  };
  return optional(
    'device filter',
    'Lets a container use no devices but its own, by a BPF program on its group; without it nothing but the missing right to make devices, and nodev on its mounts, keeps a container from others.',
    verdict(),
  );
}

function checkCgroupMount({ cgroup2, filesystems, uid }: HostFacts): Check {
  const verdict = () => {
    if (!filesystems.includes('cgroup2')) return missing('not in this kernel', 'Run a kernel with CONFIG_CGROUPS.');
    if (cgroup2 === null)
      return missing(
        'not mounted',
        'Boot with systemd.unified_cgroup_hierarchy=1, or beside v1: ' +
          '`mkdir -p /sys/fs/cgroup/unified && mount -t cgroup2 none /sys/fs/cgroup/unified`.',
      );
    const { mountPoint, writable } = cgroup2;
    if (writable) return ok(mountPoint);
    return missing(
      `${mountPoint}, not writable`,
      uid === 0
        ? `\`mount -o remount,rw ${mountPoint}\``
        : 'Run niwad as root; `sudo niwa doctor` shows what root finds.',
    );
  };
  return required('cgroup2', 'Each container is a group in it: usage, limits, freeze and kill.', verdict());
}

function checkController(name: (typeof CONTROLLERS)[number], facts: HostFacts): Check {
  const { cgroup2 } = facts;
  const verdict = () => {
    if (cgroup2 === null) return warning('no cgroup2 mount', 'See cgroup2.');
    const { controllers, subtreeControl, isRoot, holdsProcesses, mountPoint } = cgroup2;
    if (!controllers.includes(name)) return missingController(name, facts, cgroup2);
    // The kernel passes controllers on only from groups without processes, but for the root group: cgroups(7).
    if (!isRoot && holdsProcesses && !subtreeControl.includes(name))
      return warning(
        `there, but ${mountPoint} holds processes, so it cannot pass it on`,
        `Move the processes of ${mountPoint}/cgroup.procs into a group below before niwad starts.`,
      );
    return ok('available');
  };
  return optional(`controller ${name}`, CONTROLLER_MEANINGS[name], verdict());
}

function missingController(
  name: string,
  { v1Controllers, kernelControllers, commandLine }: HostFacts,
  { isRoot, mountPoint }: { isRoot: boolean; mountPoint: string },
): Verdict {
  const v1 = v1Controllers[name];
  const kernel = kernelControllers[name];
  const boot = `boot with systemd.unified_cgroup_hierarchy=1 cgroup_no_v1=${name}`;
  if (v1 !== undefined)
    return warning(`on cgroup v1 at ${v1}`, `Remove the groups below ${v1} and \`umount ${v1}\`, or ${boot}.`);
  if (kernel?.enabled === false || bootList(commandLine, 'cgroup_disable').some((word) => word === name))
    return warning(
      `disabled at boot (cgroup_disable=${name})`,
      `Remove cgroup_disable=${name} from the kernel command line; on a Raspberry Pi, add cgroup_enable=${name}.`,
    );
  if (kernel !== undefined && kernel.hierarchy !== 0)
    return warning(
      'on a cgroup v1 hierarchy that is not mounted here',
      `Unmount it wherever it is mounted, or ${boot}.`,
    );
  if (!isRoot)
    return warning(
      `not in cgroup.subtree_control of the parent of ${mountPoint}`,
      `On the host, write +${name} into that file of every group above; under systemd set Delegate=yes on the unit.`,
    );
  return warning('not in this kernel', `Run a kernel with the ${name} controller of cgroup v2.`);
}

function checkGroupFile(name: string, since: readonly [number, number], meaning: string, facts: HostFacts): Check {
  const { cgroup2, kernelRelease } = facts;
  const cure = `Install Linux ${since.join('.')} or newer.`;
  const files = cgroup2?.groupFiles ?? null;
  const verdict = () => {
    if (files !== null) return files.includes(name) ? ok('yes') : missing('no', cure);
    const release = `no group to look at; Linux has it from ${since.join('.')}`;
    return isKernelFrom(kernelRelease, since) ? ok(release) : missing(release, cure);
  };
  return required(name, meaning, verdict());
}

function checkSwapAccounting({ cgroup2, commandLine }: HostFacts): Check {
  const cure = 'Boot with swapaccount=1; the kernel needs CONFIG_SWAP.';
  const files = cgroup2?.groupFiles ?? [];
  const verdict = () => {
    if (!cgroup2?.controllers.includes('memory')) return warning('no memory controller', 'See controller memory.');
    if (files.includes('memory.swap.max')) return ok('yes');
    if (files.includes('memory.max')) return warning('no memory.swap.max', cure);
    if (bootList(commandLine, 'swapaccount').includes('0')) return warning('swapaccount=0 at boot', cure);
    return ok('not switched off; no group to look at');
  };
  return optional(
    'swap accounting',
    'Limits and counts swap; without it resources.memory.swapMax fails, and a memory limit only pushes into swap.',
    verdict(),
  );
}

function checkPressure({ pressure }: HostFacts): Check {
  return optional(
    'PSI',
    'Tells how long work waits for processor, memory and I/O on the host.',
    pressure ? ok('/proc/pressure') : warning('no /proc/pressure', 'Boot with psi=1; the kernel needs CONFIG_PSI.'),
  );
}

function checkGroupPressure({ cgroup2, pressure }: HostFacts): Check {
  const verdict = () => {
    if (cgroup2 === null) return warning('no cgroup2 mount', 'See cgroup2.');
    if (cgroup2.pressure) return ok('yes');
    if (!pressure) return warning('no', 'See PSI.');
    return warning('no', 'Remove cgroup_disable=pressure from the kernel command line.');
  };
  return optional(
    'PSI of groups',
    'Tells how long each container waits; without it the pressure figures of containers are missing.',
    verdict(),
  );
}

function checkOpenFiles({ rlimits }: HostFacts): Check {
  const most = limitNumber(rlimits['open files']?.hard); // Node.js raises its soft limit to the hard one by itself
  const room = Math.max(0, Math.floor((most - DESCRIPTORS_OF_NIWAD) / DESCRIPTORS_PER_CONTAINER));
  const verdict = () => {
    if (most === Number.POSITIVE_INFINITY) return ok('unlimited');
    const found = `${most}, room for about ${room} containers`;
    if (room >= DENSE_CONTAINERS) return ok(found);
    return warning(
      found,
      `Set LimitNOFILE=${ADVISED_DESCRIPTORS} in niwad's unit, or \`ulimit -n ${ADVISED_DESCRIPTORS}\` before niwad.`,
    );
  };
  return optional(
    'RLIMIT_NOFILE',
    `Open files of a process started from here; niwad holds about ${DESCRIPTORS_PER_CONTAINER} for each container.`,
    verdict(),
  );
}

function checkProcesses({ rlimits }: HostFacts): Check {
  const soft = rlimits.processes?.soft ?? 'unlimited';
  return optional(
    'RLIMIT_NPROC',
    'Processes and threads of one user other than root, in all containers together; they inherit it, and beyond it fork fails with EAGAIN.',
    limitNumber(soft) >= ENOUGH_PROCESSES
      ? ok(soft)
      : warning(soft, "Set LimitNPROC=infinity in niwad's unit, or rlimits.nproc in the spec."),
  );
}

function checkNameServers({ nameServers }: HostFacts): Check {
  return optional(
    'name servers',
    "Bridged containers ask those of the host's resolv.conf, or those behind systemd-resolved. The host's loopback is not theirs: without others they find no names.",
    nameServers.length > 0
      ? ok(nameServers.join(', '))
      : warning(
          'none that a container reaches',
          'Name some in /etc/resolv.conf, or in network.dns.servers of each spec.',
        ),
  );
}

function checkConnectionCount({ connectionCount }: HostFacts): Check {
  return optional(
    'bound of connections',
    'Rules of nftables count the connections of each bridged container, so that none fills the table of the host (network.connectionsPerContainer).',
    connectionCount === false
      ? warning(
          'not built in: one container can fill net.netfilter.nf_conntrack_max',
          'Install a kernel with CONFIG_NFT_CONNLIMIT.',
        )
      : ok(connectionCount === null ? 'the kernel does not show its configuration' : 'built in'),
  );
}

function checkLimit({ sysctl, enough, advised, meaning }: Limit, { sysctls }: HostFacts): Check {
  const value = sysctls[sysctl] ?? null;
  const verdict = () => {
    if (value === null) return ok('no such limit here');
    return Number(value) < enough ? warning(value, sysctlCure(sysctl, advised)) : ok(value);
  };
  return optional(sysctl, meaning, verdict());
}

function isKernelFrom(release: string, [major, minor]: readonly [number, number]): boolean {
  const [, foundMajor = 0, foundMinor = 0] = (/^(\d+)\.(\d+)/.exec(release) ?? []).map(Number);
  return foundMajor > major || (foundMajor === major && foundMinor >= minor);
}

function hasCapability(mask: string, name: string): boolean {
  return (BigInt(`0x${mask}`) & capabilityMask([name])) !== 0n;
}

/** Gives the words of each `name=a,b` on the kernel command line. */
function bootList(commandLine: string, name: string): string[] {
  const prefix = `${name}=`;
  const parameters = commandLine.split(' ').filter((word) => word.startsWith(prefix));
  return parameters.flatMap((word) => word.slice(prefix.length).split(','));
}

/** Reads a limit of /proc/self/limits; where the kernel told none, there is none. */
function limitNumber(limit = 'unlimited'): number {
  return limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit);
}

function sysctlCure(name: string, value: number): string {
  return `\`sysctl -w ${name}=${value}\`, and the line \`${name} = ${value}\` in /etc/sysctl.d/90-niwa.conf.`;
}
