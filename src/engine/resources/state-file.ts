import type { Networks } from '../../network/networks.js';
import type { Books } from '../books.js';
import type { StateFiles } from '../state-files.js';
import type { Resource } from './resource.js';

/**
 * The directory of a container: its state file, and the files of its /etc. Kept until the container is forgotten. A
 * later run replaces the state of the run before, which is written again where the later run cannot be made.
 */
export function stateFile(stateFiles: StateFiles, networks: Networks, books: Books): Resource {
  return {
    acquire({ id, spec, lease, saved, before }) {
      if (saved !== null && before === null) stateFiles.add(saved);
      else if (saved !== null) stateFiles.replace(saved);
      networks.writeFiles(spec, lease, stateFiles.directoryOf(id));
    },
    adopt({ id, spec, saved }) {
      networks.adoptFiles(spec, saved?.lease ?? null, stateFiles.directoryOf(id));
    },
    release({ id, before }) {
      if (before == null) books.forget(id);
      else books.save(before);
    },
  };
}
