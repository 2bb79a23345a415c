import { readFileSync, statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '../errors.js';

/**
 * What was found of something that an earlier niwad wrote down:
 *
 * - `whole`: what it wrote
 * - `damaged`: something is there that cannot be read (then `text` is null), or that makes no sense
 * - `missing`: nothing is there
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
 * Reads what an earlier niwad wrote down.
 * @param parse makes sense of the text; what it throws is the reason for `damaged`
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

/** The same, but what cannot be read is tried for a second: EMFILE, ENFILE or EIO may be over a moment later. */
export async function load<T>(path: string, parse: (text: string) => T): Promise<Found<T>> {
  for (let tries = 1; ; tries++) {
    const found = loadNow(path, parse);
    if (found.state !== 'damaged' || found.text !== null || tries === TRIES) return found;
    await sleep(RETRY_MS);
  }
}

/**
 * Whether there is a file, or a directory.
 * @throws what node:fs throws where that cannot be said: a file that cannot be looked at must not be taken for missing
 */
export function isThere(path: string): boolean {
  try {
    statSync(path);
    return true;
  } catch (error) {
    if (isMissing(error)) return false;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
