import type { Logger } from 'pino';
import { limitKept, unlimitKept } from '../../host/quota.js';
import { errnoName } from '../../kernel/errors.js';
import type { Resource } from './resource.js';

/**
 * The disk quota of the directory that stores a container's writes over its root. The file system keeps the quota, so a
 * new niwad has nothing to adopt.
 */
export function quota(log: Logger): Resource {
  return {
    acquire: ({ spec, asker }) => limitKept(spec.root.overlay, asker),
    async release({ id, spec }) {
      try {
        const errno = await unlimitKept(spec.root.overlay, `container ${id}`);
        if (errno !== 0) log.error({ id, errno: errnoName(errno) }, 'the quota of a container cannot be removed');
      } catch (error) {
        log.error({ id, err: error }, 'the quota of a container cannot be removed');
      }
    },
  };
}
