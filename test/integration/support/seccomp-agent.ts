import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { execaSync } from 'execa';
import type { Place } from './niwad.js';

const SOURCE = fileURLToPath(new URL('seccomp-agent.c', import.meta.url));
const PROGRAM = fileURLToPath(new URL('../../../build/seccomp-agent', import.meta.url));
/** The number of mkdir(2); its name has no number on arm64. */
const MKDIR = process.arch === 'x64' ? '83' : '34';

let agents = 0;

/** An agent that answers the system calls of containers: mkdir fails by ENOMEDIUM, all others go on. */
export interface SeccompAgent extends AsyncDisposable {
  path: string;
  /** Gives what it was told next: a container process state, or the word "asked" for a call. */
  line(): Promise<unknown>;
}

/** Starts one, with a socket among the files of a place. */
export async function seccompAgent(place: Place): Promise<SeccompAgent> {
  const path = join(place.files, `agent-${++agents}`);
  const agent = spawn(compiled(), [path, MKDIR], { stdio: ['ignore', 'pipe', 'inherit'] });
  const lines = createInterface(agent.stdout)[Symbol.asyncIterator]();
  const next = async () => (await lines.next()).value as string;
  if ((await next()) !== 'ready') throw new Error(`${PROGRAM} cannot listen on ${path}`);
  return {
    path,
    async line() {
      const line = await next();
      return line.startsWith('{') ? JSON.parse(line) : line;
    },
    async [Symbol.asyncDispose]() {
      const exited = once(agent, 'exit');
      agent.kill();
      await exited;
    },
  };
}

function compiled(): string {
  if (existsSync(PROGRAM) && statSync(PROGRAM).mtimeMs > statSync(SOURCE).mtimeMs) return PROGRAM;
  execaSync('gcc', ['-static', '-O1', '-Wall', '-Wextra', '-Werror', '-D_GNU_SOURCE', '-o', PROGRAM, SOURCE]);
  return PROGRAM;
}
