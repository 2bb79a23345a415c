import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { needsFile, type Skip } from './host.js';

/** Makes a directory that is enough of a root to run a line of shell, or skips the test; gives its path. */
export function makeRoot(skip: Skip, path: string): string {
  const busybox = needsFile(skip, '/bin/busybox', 'a program that needs nothing of its root (package busybox-static)');
  if (existsSync(path)) return path; // a program that runs is not written over
  mkdirSync(join(path, 'bin'), { recursive: true });
  copyFileSync(busybox, join(path, 'bin/busybox'));
  chmodSync(join(path, 'bin/busybox'), 0o755);
  copyFileSync(join(path, 'bin/busybox'), join(path, 'bin/sh'));
  for (const name of ['dev', 'proc', 'sys', 'mnt']) mkdirSync(join(path, name), { recursive: true });
  return path;
}

/** The files behind the loop devices of this machine. */
export function loopFiles(): string[] {
  return readdirSync('/sys/block')
    .map((name) => `/sys/block/${name}/loop/backing_file`)
    .filter((path) => existsSync(path))
    .flatMap((path) => {
      try {
        return [readFileSync(path, 'utf8').trim()];
      } catch {
        return []; // let go of just now
      }
    });
}
