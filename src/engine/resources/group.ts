import { basename } from 'node:path';
import type { Logger } from 'pino';
import { removeGroup, removeUnlessPopulated } from '../../host/cgroup.js';
import { isThere } from '../../host/stored-file.js';
import type { Kernel } from '../../kernel/kernel.js';
import type { Holder, Resource } from './resource.js';

type Owners = { host: Pick<Kernel['host'], 'groupOwner'> };

/**
 * The cgroup of a container. The kernel's side makes it together with the process. A group that cannot be removed is
 * left for the next niwad.
 */
export function group(log: Logger, kernel: Owners): Resource {
  return {
    async release(holder) {
      if (!hasGroup(holder, kernel)) return;
      await removeGroup(holder.cgroup).catch((error: unknown) =>
        log.error({ err: error }, 'the cgroup of a container cannot be removed'),
      );
    },
  };
}

/**
 * The cgroup of a container that had ended before this niwad began. Where an engine has named it, it is removed only if
 * no process is in it: that would be one of others.
 */
export function goneGroup(log: Logger, kernel: Owners): Resource {
  const { release } = group(log, kernel);
  return {
    async release(holder) {
      if (isNamedByNiwad(holder)) await release?.(holder);
      else if (hasGroup(holder, kernel)) await removeUnlessPopulated(holder.cgroup);
    },
  };
}

/**
 * Says whether the cgroup of a container is there. Where an engine has named it, others may have made a group of the
 * same name since niwad has made its own.
 */
export function hasGroup(holder: Pick<Holder, 'id' | 'cgroup'>, { host }: Owners): boolean {
  return isNamedByNiwad(holder) ? isThere(holder.cgroup) : host.groupOwner(holder.cgroup) === holder.id;
}

/** Whether niwad has named the group: by the id of its container, in a group that is niwad's alone. */
export function isNamedByNiwad({ id, cgroup }: Pick<Holder, 'id' | 'cgroup'>): boolean {
  return basename(cgroup) === id;
}
