import { OwnFile } from './own-file.js';

/**
 * The limits that systemd gives to services. A program that closes all possible descriptors is fast with them; others
 * may raise them.
 */
const SOFT = 1024;
const HARD = 524_288;

const own = new OwnFile('limits', openFilesWithin);

/** How many files a process may have open, see getrlimit(2). */
export type OpenFiles = Readonly<{ name: 'nofile'; soft: number; hard: number }>;

/**
 * Gives the limit of open files for a process that niwad starts. niwad has a higher soft limit, for its own needs; it
 * is not passed on.
 */
export function openFilesLimit(): OpenFiles {
  return own.read();
}

/**
 * Gives the same limit, lowered to the hard limit of a process. Pure.
 * @param limits the text of /proc/PID/limits of that process
 */
export function openFilesWithin(limits: string): OpenFiles {
  const own = /^Max open files +\S+ +([0-9]+)/m.exec(limits)?.[1];
  const hard = Math.min(HARD, Number(own ?? HARD));
  return { name: 'nofile', soft: Math.min(SOFT, hard), hard };
}
