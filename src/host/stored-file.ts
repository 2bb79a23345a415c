import { closeSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../protocol/errors.js';

/**
 * The result of reading a file that an earlier niwad has written:
 *
 * - `whole`: its value
 * - `damaged`: the file exists, but cannot be read (then `text` is null), or its text has no meaning
 * - `missing`: the file does not exist
 *
 * The caller has to handle all three cases: a damaged file must not be taken for a missing one.
 */
export type Found<T> =
  | { state: 'whole'; value: T }
  | { state: 'damaged'; reason: string; text: string | null }
  | { state: 'missing' };

const RETRY_MS = 100;
const TRIES = 10;

/**
 * Reads a file that an earlier niwad has written.
 * @param parse turns the text into a value. The error that it throws becomes the reason of `damaged`
 */
export function loadNow<T>(path: string, parse: (text: string) => T): Found<T> {
  let text: string | null = null;
  try {
    text = readFileSync(path, 'utf8');
    return { state: 'whole', value: parse(text) };
  } catch (error) {
    if (text === null && isMissing(error)) return { state: 'missing' };
    return { state: 'damaged', reason: messageOf(error), text };
  }
}

/**
 * Reads a file like {@link loadNow}; where that fails, tries again for a second, since EMFILE, ENFILE or EIO may soon
 * be over.
 */
export async function load<T>(path: string, parse: (text: string) => T): Promise<Found<T>> {
  for (let tries = 1; ; tries++) {
    const found = loadNow(path, parse);
    if (found.state !== 'damaged' || found.text !== null || tries === TRIES) return found;
    await sleep(RETRY_MS);
  }
}

/** Reads a file, again and again for a second like {@link load}; gives null where it cannot be read. */
export async function readPatiently(path: string): Promise<Buffer | null> {
  for (let tries = 1; ; tries++) {
    try {
      return readFileSync(path);
    } catch {
      if (tries === TRIES) return null;
    }
    await sleep(RETRY_MS);
  }
}

/**
 * Says whether a file or directory exists.
 * @throws what node:fs throws where the kernel does not say: a file that cannot be looked at must not be taken for
 * missing
 */
export function isThere(path: string): boolean {
  return fileBytes(path) !== null;
}

/** Gives the size of a file in bytes; null where it does not exist. @throws what node:fs throws, as {@link isThere} */
export function fileBytes(path: string): number | null {
  try {
    return statSync(path, { throwIfNoEntry: false })?.size ?? null;
  } catch (error) {
    if (isMissing(error)) return null;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/**
 * Replaces a file by a synced rename: after a crash of the machine, the file has the old or the new content.
 * @throws what node:fs throws
 */
export function writeSynced(path: string, bytes: Buffer): void {
  const fd = openSync(`${path}.new`, 'w', 0o600);
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
  renameSync(`${path}.new`, path);
  syncDirectory(join(path, '..'));
}

/** Syncs a directory, so that new names in it survive a crash of the machine. @throws what node:fs throws */
export function syncDirectory(path: string): void {
  const fd = openSync(path, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
