import type { Networks } from '../../network/networks.js';
import type { Books } from '../books.js';
import type { StateFiles } from '../state-files.js';
import type { Resource } from './resource.js';

/** The directory of a container: its state file, and the files of its /etc. Kept until the container is forgotten. */
export function stateFile(stateFiles: StateFiles, networks: Networks, books: Books): Resource {
  return {
    acquire({ id, spec, lease, saved }) {
      if (saved !== null) stateFiles.add(saved);
      networks.writeFiles(spec, lease, stateFiles.directoryOf(id));
    },
    adopt({ id, spec, saved }) {
      networks.adoptFiles(spec, saved?.lease ?? null, stateFiles.directoryOf(id));
    },
    release: ({ id }) => books.forget(id),
  };
}
