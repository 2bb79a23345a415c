import type { Check } from '../../protocol/host.js';
import type { CONTROLLERS } from '../cgroup.js';
import { isKernelFrom } from '../kernel-release.js';
import type { HostFacts } from './facts.js';
import { CONTROLLER_MEANINGS } from './needs.js';
import { bootList, missing, ok, optional, required, type Verdict, warning } from './verdict.js';

/** Checks that cgroup2 is mounted, and that niwad may make groups there. */
export function checkCgroupMount({ cgroup2, filesystems, uid }: HostFacts): Check {
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

/** Checks whether groups can have a controller. */
export function checkController(name: (typeof CONTROLLERS)[number], facts: HostFacts): Check {
  const { cgroup2 } = facts;
  const verdict = () => {
    if (cgroup2 === null) return warning('no cgroup2 mount', 'See cgroup2.');
    const { controllers, subtreeControl, isRoot, holdsProcesses, mountPoint } = cgroup2;
    if (!controllers.includes(name)) return missingController(name, facts, cgroup2);
    // The kernel lets a group give controllers to its groups only if it has no processes itself; the root group is
    // excepted: cgroups(7).
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

/** Checks whether groups have a file. @param since the Linux version that brought this file */
export function checkGroupFile(
  name: string,
  since: readonly [number, number],
  meaning: string,
  facts: HostFacts,
): Check {
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

/** Checks whether the kernel counts swap for each group. */
export function checkSwapAccounting({ cgroup2, commandLine }: HostFacts): Check {
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

/** Checks whether groups have figures of pressure (PSI). */
export function checkGroupPressure({ cgroup2, pressure }: HostFacts): Check {
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
