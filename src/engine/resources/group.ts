import { rmdirSync } from 'node:fs';
import { basename } from 'node:path';
import type { Logger } from 'pino';
import { removeGroup } from '../../host/cgroup.js';
import type { Resource } from './resource.js';

/**
 * The cgroup of a container. The kernel's side makes it together with the process. A group that cannot be removed is
 * left for the next niwad.
 */
export function group(log: Logger): Resource {
  return {
    async release({ cgroup }) {
      await removeGroup(cgroup).catch((error: unknown) =>
        log.error({ err: error }, 'the cgroup of a container cannot be removed'),
      );
    },
  };
}

/**
 * The cgroup of a container that had ended before this niwad began. Where an engine has named it, others may have made
 * a group of the same name since then: it is removed only if it is empty, and nothing in it is killed.
 */
export function goneGroup(log: Logger): Resource {
  const { release } = group(log);
  return {
    release: (holder) => (basename(holder.cgroup) === holder.id ? release?.(holder) : removeIfEmpty(holder.cgroup)),
  };
}

function removeIfEmpty(cgroup: string): void {
  try {
    rmdirSync(cgroup);
  } catch {
    // it has gone, or is not empty
  }
}
