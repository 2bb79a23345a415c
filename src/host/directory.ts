import { existsSync, lstatSync, mkdirSync, readdirSync, rmdirSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Makes and removes the directories of a container, at each start and each end, with few system calls: mostly it tries
 * the call, and looks at the error. `rmSync` looks at the path first, and takes several times as long. Errors of the
 * file system are thrown as node:fs does.
 */

/** Makes an empty directory, and its missing parents. A directory that exists is removed first, with all in it. */
export function makeAfresh(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST' && codeOf(error) !== 'ENOENT') throw error;
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path, { recursive: true, mode });
  }
}

/**
 * Removes a file. It is no error where the file does not exist. Looks first, since an error of node:fs takes longer
 * than the look: when niwad starts, it calls this for each ended container, whose files have gone.
 */
export function unlinkIfThere(path: string): void {
  try {
    if (lstatSync(path, { throwIfNoEntry: false }) !== undefined) unlinkSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/**
 * Removes a directory with all in it, which is mostly a few files. It is no error where the directory does not exist.
 */
export function removeDirectory(path: string): void {
  if (!existsSync(path)) return;
  try {
    for (const name of readdirSync(path)) unlinkSync(join(path, name));
    rmdirSync(path);
  } catch {
    rmSync(path, { recursive: true, force: true });
  }
}

/**
 * Removes a directory that mostly has gone by now, or is empty: then one system call suffices, or two. What is left in
 * it goes with it, and it is no error where the directory does not exist.
 */
export function removeEmptied(path: string): void {
  if (!existsSync(path)) return;
  try {
    rmdirSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') removeDirectory(path);
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
