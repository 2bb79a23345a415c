import type { LogStore } from '../../logs/store.js';
import type { Resource } from './resource.js';

/** The stored output of a container, kept until it is forgotten. A later run writes behind the earlier ones. */
export function storedLog(logs: LogStore): Resource {
  return {
    acquire({ id, before }) {
      if (before === null) logs.prepare(id);
    },
    release({ id, before }) {
      if (before == null) logs.discard(id);
    },
  };
}
