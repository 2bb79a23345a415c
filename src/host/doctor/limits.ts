import type { Check } from '../../protocol/host.js';
import type { HostFacts } from './facts.js';
import {
  ADVISED_DESCRIPTORS,
  DENSE_CONTAINERS,
  DESCRIPTORS_OF_NIWAD,
  DESCRIPTORS_PER_CONTAINER,
  ENOUGH_PROCESSES,
  type Limit,
} from './needs.js';
import { limitNumber, ok, optional, sysctlCure, warning } from './verdict.js';

/** Checks how many files niwad may have open. */
export function checkOpenFiles({ rlimits }: HostFacts): Check {
  const most = limitNumber(rlimits['open files']?.hard); // Node.js raises its own soft limit to the hard limit
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

/** Checks how many processes one user may have. */
export function checkProcesses({ rlimits }: HostFacts): Check {
  const soft = rlimits.processes?.soft ?? 'unlimited';
  return optional(
    'RLIMIT_NPROC',
    'Processes and threads of one user other than root, in all containers together; they inherit it, and beyond it fork fails with EAGAIN.',
    limitNumber(soft) >= ENOUGH_PROCESSES
      ? ok(soft)
      : warning(soft, "Set LimitNPROC=infinity in niwad's unit, or rlimits.nproc in the spec."),
  );
}

/** Checks a sysctl whose default is too low for many containers. */
export function checkLimit({ sysctl, enough, advised, meaning }: Limit, { sysctls }: HostFacts): Check {
  const value = sysctls[sysctl] ?? null;
  const verdict = () => {
    if (value === null) return ok('no such limit here');
    return Number(value) < enough ? warning(value, sysctlCure(sysctl, advised)) : ok(value);
  };
  return optional(sysctl, meaning, verdict());
}
