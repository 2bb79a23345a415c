import type { Networks } from '../../network/networks.js';
import type { Books } from '../books.js';
import type { StateStore } from '../state-store.js';
import type { Resource } from './resource.js';

/**
 * The saved state of a container, and its directory with the files of its /etc. Kept until the container is forgotten.
 * A later run replaces the state of the run before, which is written again where the later run cannot be made.
 */
export function savedState(states: StateStore, networks: Networks, books: Books): Resource {
  return {
    acquire({ id, spec, lease, saved, before }) {
      if (saved !== null && before === null) states.add(saved);
      else if (saved !== null) states.replace(saved);
      networks.writeFiles(spec, lease, states.directoryOf(id));
    },
    adopt({ id, spec, saved }) {
      networks.adoptFiles(spec, saved?.lease ?? null, states.directoryOf(id));
    },
    release({ id, before }) {
      if (before == null) books.forget(id);
      else books.save(before);
    },
  };
}
