import type { Kernel } from '../../kernel/kernel.js';
import type { Resource } from './resource.js';

/**
 * The entries of a container in the monitor thread and in the keeper. The kernel's side makes or adopts them together
 * with the process.
 */
export function monitoring({ containers }: Pick<Kernel, 'containers'>): Resource {
  return {
    release({ handle }) {
      if (handle !== 0) containers.release(handle);
    },
  };
}
