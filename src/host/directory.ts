import { existsSync, mkdirSync, readdirSync, rmdirSync, rmSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';

/**
 * What each start and each end does to directories, in the least system calls: what is there, or is not, is found by trying.
 * `rmSync` looks first, and takes several times as long. What the file system refuses is thrown as node:fs does.
 */

/** Makes an empty directory, and its parents where they are missing; one that is there is removed with all in it. */
export function makeAfresh(path: string, mode: number): void {
  try {
    mkdirSync(path, { mode });
  } catch (error) {
    if (codeOf(error) !== 'EEXIST' && codeOf(error) !== 'ENOENT') throw error;
    rmSync(path, { recursive: true, force: true });
    mkdirSync(path, { recursive: true, mode });
  }
}

/** Removes a file; there may be none. */
export function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (codeOf(error) !== 'ENOENT') throw error;
  }
}

/** Removes a directory and what is in it, which is mostly a few files; there may be none. */
export function removeDirectory(path: string): void {
  if (!existsSync(path)) return;
  try {
    for (const name of readdirSync(path)) unlinkSync(join(path, name));
    rmdirSync(path);
  } catch {
    rmSync(path, { recursive: true, force: true });
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code;
}
