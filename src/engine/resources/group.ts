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
