import type { ImageDefaults } from '../spec/image.js';
import type { ImageStore } from './store.js';
import { readerOf, userOfImage } from './user.js';

/**
 * Gives the defaults that a spec takes from an image of the store.
 * @throws NiwaError NOT_FOUND; SPEC_INVALID where `name` is not the name of an image in its form
 */
export function imageDefaults(store: ImageStore, name: string): ImageDefaults {
  const { info, config, directories } = store.open(name);
  const { user, env, entrypoint, cmd, cwd, labels, stopSignal } = config;
  return {
    name: info.name,
    id: info.id,
    layers: directories,
    user: user === null ? null : userOfImage(user, readerOf(directories)),
    namesGroup: user !== null && /:./.test(user),
    env,
    entrypoint,
    cmd,
    cwd,
    labels,
    stopSignal,
  };
}
