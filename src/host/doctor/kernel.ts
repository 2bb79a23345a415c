import type { Check } from '../../protocol/host.js';
import { IDMAPPED_SINCE } from '../filesystems.js';
import { isKernelFrom } from '../kernel-release.js';
import type { HostFacts } from './facts.js';
import {
  FILESYSTEMS,
  IDMAPPED_LAYERS_SINCE,
  MEMFD_NOEXEC,
  MODULES_DISABLED,
  RECOMMENDED_KERNEL,
  REQUIRED_KERNEL,
} from './needs.js';
import { missing, ok, optional, required, sysctlCure, warning } from './verdict.js';

/** Checks the version of the kernel. */
export function checkKernel({ kernelRelease }: HostFacts): Check {
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

/** Checks whether a program in a memfd can be executed. */
export function checkMemfd({ sysctls }: HostFacts): Check {
  return required(
    MEMFD_NOEXEC,
    'niwad executes its boot helper from a sealed memfd, which a container cannot rewrite.',
    sysctls[MEMFD_NOEXEC] === '2'
      ? missing('2: no memfd can be executed', sysctlCure(MEMFD_NOEXEC, 1))
      : ok(sysctls[MEMFD_NOEXEC] ?? 'no such limit here'),
  );
}

/** Checks for the file systems that the root of every container has. */
export function checkFilesystems({ filesystems }: HostFacts): Check {
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

/** Checks whether the kernel has overlayfs, or can load it. */
export function checkOverlay({ filesystems, overlayModule, sysctls }: HostFacts): Check {
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

/** Checks whether mounts can be id-mapped. */
export function checkIdMappedMounts({ kernelRelease, rootFilesystem }: HostFacts): Check {
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

/** Checks for system call filters. */
export function checkSeccomp({ seccomp: { mode, actions } }: HostFacts): Check {
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

/** Checks for device filters. */
export function checkDeviceFilter({ deviceFilter }: HostFacts): Check {
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

/** Checks for figures of pressure (PSI) of the whole host. */
export function checkPressure({ pressure }: HostFacts): Check {
  return optional(
    'PSI',
    'Tells how long work waits for processor, memory and I/O on the host.',
    pressure ? ok('/proc/pressure') : warning('no /proc/pressure', 'Boot with psi=1; the kernel needs CONFIG_PSI.'),
  );
}
