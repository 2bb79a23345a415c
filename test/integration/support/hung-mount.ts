import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execaSync } from 'execa';
import type { Place } from './niwad.js';

const SOURCE = fileURLToPath(new URL('hung-mount.c', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../../../build/hung-mount', import.meta.url));

/**
 * A FUSE file system that does not answer, in a mount namespace of its own: whoever touches its directory there waits,
 * and this process never does, since it is not in there.
 */
export interface HungMount {
  directory: string;
  /** Starts a program in the namespace: what goes before its own words. */
  launcher: string[];
  /** Aborts it: all who wait go on with an error. */
  end(): Promise<void>;
}

/**
 * Mounts one below the files of a place.
 * @param name answers the processes of this name, but opens no file called "file"; nobody without it
 */
export async function hungMount(place: Place, name?: string): Promise<HungMount> {
  const directory = join(place.files, 'hung');
  mkdirSync(directory);
  const words = name === undefined ? [directory] : [directory, name];
  const server = spawn(compiled(), words, { stdio: ['pipe', 'pipe', 'inherit'] });
  const [word] = await Promise.race([once(server.stdout, 'data'), once(server, 'exit').then(() => [''])]);
  if (String(word) !== 'ready\n') throw new Error(`${PROGRAM} cannot mount on ${directory}`);
  return {
    directory,
    launcher: ['nsenter', `--mount=/proc/${server.pid}/ns/mnt`, '--'],
    end: () => end(server),
  };
}

/** It ends with its standard input, so also when this process dies. */
async function end(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null) return;
  const exited = once(server, 'exit');
  server.stdin?.end();
  await exited;
}

function compiled(): string {
  if (existsSync(PROGRAM) && statSync(PROGRAM).mtimeMs > statSync(SOURCE).mtimeMs) return PROGRAM;
  execaSync('gcc', ['-static', '-O1', '-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE', '-o', PROGRAM, SOURCE]);
  return PROGRAM;
}
