import { writeFileSync } from 'node:fs';
import { kernel } from '../kernel/addon.js';
import { isKernelError } from '../kernel/errors.js';
import { isOomProtected } from './oom.js';
import { openFilesLimit } from './open-files.js';

/**
 * Takes from a child what niwad has for itself: to be the last that the OOM killer takes, and very many open files. The files
 * of a child of another user stay where niwad has no CAP_SYS_RESOURCE, see prlimit(2).
 * @param pid a child that nobody has waited for
 */
export function takeAwayOfNiwad(pid: number): void {
  if (isOomProtected()) writeFileSync(`/proc/${pid}/oom_score_adj`, '0');
  const { soft, hard } = openFilesLimit();
  try {
    kernel.host.limitOpenFiles(pid, soft, hard);
  } catch (error) {
    if (!isKernelError(error)) throw error;
  }
}
