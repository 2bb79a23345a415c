import type { HostView } from '../plan/plan.js';
import { absentFiles } from './absent-files.js';
import type { CgroupTree } from './cgroup.js';
import { isOomProtected } from './oom.js';
import { openFilesLimit } from './open-files.js';
import { compileSeccomp } from './seccomp.js';

/** Where and how a niwad makes its containers. */
export interface HostPlace {
  tree: Pick<CgroupTree, 'containers' | 'controllers'>;
  /** An empty directory, on which the boot helper mounts the root of a container. */
  stage: string;
  /** The size of each tmpfs such as `/tmp` over the host's own root; null for a tenth of the host's memory. */
  placeBytes: number | null;
}

/**
 * Gives the facts about this machine that plans need. The OOM score and the limits of this process are at most 100 ms
 * old, since an operator may change them while niwad runs.
 * @param filtersDevices whether the kernel filters devices by group
 * @throws what node:fs throws where /proc cannot be read
 */
export function hostView({ tree, stage, placeBytes }: HostPlace, filtersDevices: boolean): HostView {
  return {
    containersCgroup: tree.containers,
    controllers: tree.controllers,
    stage,
    filtersDevices,
    oomProtected: isOomProtected(),
    openFiles: openFilesLimit(),
    placeBytes,
    absent: absentFiles(),
    compileSeccomp,
  };
}
