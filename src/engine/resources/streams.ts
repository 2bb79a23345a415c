import type { LogStore } from '../../logs/store.js';
import type { Resource } from './resource.js';

/**
 * The FIFOs of a container's standard streams. The kernel's side makes them together with the process, and keeps them
 * open.
 */
export function streams(logs: LogStore): Resource {
  return { release: ({ id }) => logs.closeFifos(id) };
}
