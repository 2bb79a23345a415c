import { writeFileSync } from 'node:fs';
import { kernel } from '../kernel/addon.js';
import { isKernelError } from '../kernel/errors.js';
import { isOomProtected } from './oom.js';
import { openFilesLimit } from './open-files.js';

/**
 * Takes from a child process two privileges of niwad that it has inherited: a low OOM score, and a high limit of open
 * files. If the child runs as another user and niwad has no CAP_SYS_RESOURCE, the limit of open files stays, see
 * prlimit(2).
 * @param pid a child that was not waited for yet, so that the pid cannot be another process
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
