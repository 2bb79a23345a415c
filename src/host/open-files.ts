import { readFileSync } from 'node:fs';

/** As systemd starts its services: what closes all descriptors that it may have is quick, what needs more raises it itself. */
const SOFT = 1024;
const HARD = 524_288;

/** How many files a process may have open, see getrlimit(2). */
export type OpenFiles = { name: 'nofile'; soft: number; hard: number };

/** Gives what a process that niwad starts may have open. niwad's own soft limit is as high as it can be: that is its own need. */
export function openFilesLimit(): OpenFiles {
  return openFilesWithin(readFileSync('/proc/self/limits', 'utf8'));
}

/**
 * The same, within the hard limit of a process. Pure.
 * @param limits the text of its /proc/PID/limits
 */
export function openFilesWithin(limits: string): OpenFiles {
  const own = /^Max open files +\S+ +([0-9]+)/m.exec(limits)?.[1];
  const hard = Math.min(HARD, Number(own ?? HARD));
  return { name: 'nofile', soft: Math.min(SOFT, hard), hard };
}
