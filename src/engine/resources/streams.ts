import type { LogStore } from '../../logs/store.js';
import type { Resource } from './resource.js';

/**
 * The FIFOs of a container's standard streams. The kernel's side makes them together with the process, and keeps them
 * open. Their directory goes with them, unless it has files of the network, which others may still write to.
 */
export function streams(logs: LogStore): Resource {
  return { release: ({ id, spec }) => logs.closeFifos(id, spec.network === null) };
}
