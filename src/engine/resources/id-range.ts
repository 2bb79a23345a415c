import type { IdPool } from '../../host/id-pool.js';
import type { Spec } from '../../protocol/resolved-spec.js';
import type { Resource } from './resource.js';

/** Whether a user namespace is made for a container: it has no maps where it joins one. */
const hasNamespace = ({ userns }: Spec) => userns === 'auto' || (userns !== 'host' && userns.uids.length > 0);

/**
 * The host ids that only this container has: with `userns: auto` those of its users. The first one makes its user
 * namespace, also one with maps of its own, so that what the kernel counts for the maker is counted for it alone.
 */
export function idRange(pool: IdPool): Resource {
  return {
    acquire(draft) {
      if (hasNamespace(draft.spec)) draft.idRange = pool.take();
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
