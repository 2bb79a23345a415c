import { kernel } from '../kernel/addon.js';
import type { HostView } from '../plan/plan.js';
import type { CgroupTree } from './cgroup.js';
import { isOomProtected } from './oom.js';
import { openFilesLimit } from './open-files.js';
import { compileSeccomp } from './seccomp.js';

/** Where a niwad makes its containers. */
export interface HostPlace {
  tree: Pick<CgroupTree, 'containers' | 'controllers'>;
  /** An empty directory to build roots on. */
  stage: string;
  /** The size of `/tmp` and the like over the host's own root; null for a tenth of the host's memory. */
  placeBytes: number | null;
}

let filtersDevices: boolean | undefined;

/**
 * Gives what plans have to know of this machine. The OOM score and the limits of this process are read each time: an operator
 * may change them while it runs.
 * @throws what node:fs throws where /proc cannot be read
 */
export function hostView({ tree, stage, placeBytes }: HostPlace): HostView {
  filtersDevices ??= kernel.host.canFilterDevices();
  return {
    containersCgroup: tree.containers,
    controllers: tree.controllers,
    stage,
    filtersDevices,
    oomProtected: isOomProtected(),
    openFiles: openFilesLimit(),
    placeBytes,
    compileSeccomp,
  };
}
