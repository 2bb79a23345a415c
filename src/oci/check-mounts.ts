import { posix } from 'node:path';
import type { OciMount } from '../plan/oci/config.js';
import { isIdleOn } from '../plan/oci/mount-words.js';
import { isBind, isOfFileSystem } from '../plan/oci/mounts.js';

/**
 * Makes mounts such as can be honoured: a relative destination is read from `/`, as config.md of the OCI wants it, and
 * options that can have no effect are left out. An option of a bind that is not known stays, and is refused: it may be
 * a restriction. Changes the mounts.
 * @param told gets what is not as the config says
 */
export function settleMounts(mounts: readonly OciMount[], told: string[]): void {
  for (const [i, item] of mounts.entries()) {
    const { destination = '', options } = item;
    if (destination !== '' && !posix.isAbsolute(destination)) {
      told.push(`mounts[${i}].destination "${destination}", which is read from /`);
      item.destination = posix.join('/', destination);
    }
    if (options === undefined) continue;
    const kind = isBind(item) ? 'bind' : 'new';
    const isIdle = (word: string) =>
      isIdleOn(kind, word) || (kind === 'bind' && isOfFileSystem(word) && word.includes('='));
    told.push(...options.filter(isIdle).map((word) => `mounts[${i}].options "${word}"`));
    item.options = options.filter((word) => !isIdle(word));
  }
}
