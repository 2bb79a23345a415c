import type { Kernel } from '../../kernel/kernel.js';
import type { Resource } from './resource.js';

/** What the monitor thread and the keeper know of a container. The kernel's side makes and adopts it with the process. */
export function monitoring({ containers }: Pick<Kernel, 'containers'>): Resource {
  return {
    release({ handle }) {
      if (handle !== 0) containers.release(handle);
    },
  };
}
