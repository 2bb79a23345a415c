import type { ServicePath } from '../network/services/types.js';
import type { Service } from '../protocol/resolved-service.js';

/** Gives what the data path has to know of a service. */
export function pathOf({ name, listen, wake }: Service): ServicePath {
  return { name, listen, from: wake.from, queue: wake.queue };
}

/** The name of the image of a template; null for another root. */
export function imageOf({ template }: Service): string | null {
  return (template as { root?: { image?: string } }).root?.image ?? null;
}

/** What instances are made of: where it differs, they are of another revision. */
export function templateOf({ template, port, owner, labels }: Service): unknown {
  return { template, port, owner, labels };
}
