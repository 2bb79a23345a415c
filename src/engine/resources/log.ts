import type { LogStore } from '../../logs/store.js';
import type { Resource } from './resource.js';

/** The stored output of a container, kept until the container is forgotten. */
export function storedLog(logs: LogStore): Resource {
  return {
    acquire: ({ id }) => logs.prepare(id),
    release: ({ id }) => logs.discard(id),
  };
}
