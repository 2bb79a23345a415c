// @ts-check
// What is made once per machine and kept: folders below ~/.cache/niwa-vm, each named after everything it was made from.

import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';

export const CACHE = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'niwa-vm');

const UNFINISHED = '.making-';
const HOUR = 3_600_000;

/**
 * Gives a folder of the cache, made first if it is not there. Safe when several processes want it at once: each makes
 * its own, the first to finish wins.
 * @param {string} name the folder's name; a changed name is a new folder
 * @param {(folder: string) => Promise<void>} make fills an empty folder; when it throws, nothing is kept
 * @returns {Promise<string>} the folder's path
 * @throws whatever make throws
 */
export async function cached(name, make) {
  const folder = join(CACHE, name);
  if (await exists(folder)) return folder;
  await mkdir(CACHE, { recursive: true });
  await sweep();
  const unfinished = await mkdtemp(join(CACHE, UNFINISHED));
  try {
    await make(unfinished);
    await rename(unfinished, folder).catch(async (error) => {
      if (!(await exists(folder))) throw error;
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true, maxRetries: 10 });
  }
  return folder;
}

/**
 * Makes a short name of the contents of files and other values, to put in a folder's name.
 * @param {...(string | URL)} parts a URL stands for the file's content, a string for itself
 * @returns {Promise<string>} 12 hexadecimal digits
 */
export async function fingerprint(...parts) {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part instanceof URL ? await readFile(part) : `${part}\0`);
  return hash.digest('hex').slice(0, 12);
}

/**
 * Tells whether a path is there.
 * @param {string} path any path
 * @returns {Promise<boolean>} false as well when it cannot be reached
 */
export function exists(path) {
  return stat(path).then(
    () => true,
    () => false,
  );
}

/** Removes what a killed process left unfinished. */
async function sweep() {
  for (const name of await readdir(CACHE)) {
    const path = join(CACHE, name);
    const age = Date.now() - (await stat(path).catch(() => ({ mtimeMs: Date.now() }))).mtimeMs;
    if (name.startsWith(UNFINISHED) && age > HOUR) await rm(path, { recursive: true, force: true });
  }
}
