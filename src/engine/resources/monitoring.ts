import { native } from '../../native.js';
import type { Resource } from './resource.js';

/** What the monitor thread and the keeper know of a container. The kernel's side makes and adopts it with the process. */
export const monitoring: Resource = {
  release({ handle }) {
    if (handle !== 0) native.release(handle);
  },
};
