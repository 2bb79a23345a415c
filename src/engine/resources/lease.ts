import type { Networks } from '../../network/networks.js';
import type { Resource } from './resource.js';

/** The address of a container on the bridge, and the container's connection to the bridge once it is made. */
export function lease(networks: Networks): Resource {
  return {
    async acquire(draft) {
      draft.lease = await networks.take(draft.spec);
    },
    adopt(draft) {
      draft.lease = draft.saved?.lease ?? null;
      networks.adopt(draft.spec, draft.lease, draft.handle);
    },
    release: ({ id }) => networks.release(id),
  };
}
