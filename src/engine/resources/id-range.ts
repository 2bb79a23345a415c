import type { IdPool } from '../../host/id-pool.js';
import type { Resource } from './resource.js';

/** The host ids that only this container has, with `userns: auto`. */
export function idRange(pool: IdPool): Resource {
  return {
    acquire(draft) {
      if (draft.spec.userns === 'auto') draft.idRange = pool.take();
    },
    adopt(draft) {
      draft.idRange = draft.saved?.idRange ?? null;
      if (draft.idRange !== null) pool.claim(draft.idRange);
    },
    release(holder) {
      if (holder.idRange !== null) pool.release(holder.idRange);
    },
  };
}
