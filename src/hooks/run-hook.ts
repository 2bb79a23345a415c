import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { takeAwayOfNiwad } from '../host/own-limits.js';
import { errnoName } from '../kernel/errors.js';
import { REACH_PROGRAM } from '../kernel/programs.js';
import type { Program } from '../protocol/resolved-hooks.js';

/** How one run of a program went. */
export interface HookResult {
  /** Why it counts as failed, "exit status 3" for example; null where it succeeded. */
  failure: string | null;
  /** The end of what it wrote on its standard streams. */
  output: string;
  durationMs: number;
}

/** So much of the end of its output is kept. */
export const OUTPUT_BYTES = 4096;
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** What a program wrote just before its end is waited for so long: one that it left behind may hold its streams open. */
const STREAMS_MS = 100;
/** A process that was killed and does not end waits for a file system that does not answer. */
const KILLED_MS = 1000;

/**
 * Runs a program on the host as niwad's own user, in a session of its own and without a shell. At the end of its time, or
 * when `signal` is aborted, its whole process group is killed; what it leaves behind when it ends by itself goes on. The program
 * is executed by niwa-reach, since its own file may be one that never answers.
 * @param variables its environment beside PATH; `program.env` comes after PATH and before these
 * @param input its standard input; a program that reads none of it is no error
 * @returns when it has ended, or was killed and hangs; never throws
 */
export function runHook(
  program: Program,
  variables: Record<string, string>,
  input: string,
  signal: AbortSignal,
): Promise<HookResult> {
  const begun = performance.now();
  const result = (failure: string | null, output = '') => ({
    failure,
    output,
    durationMs: Math.round(performance.now() - begun),
  });
  let child: ChildProcess;
  try {
    child = start(program, { PATH, ...program.env, ...variables });
  } catch (error) {
    return Promise.resolve(result(`cannot run: ${codeOf(error)}`));
  }
  return new Promise((resolve) => {
    child.once('error', (error) => {
      over();
      resolve(result(`cannot run: ${codeOf(error)}`));
    });
    const output = collect(child);
    let ended: string | null = null;
    let hanging: NodeJS.Timeout | undefined;
    const kill = (why: string) => {
      ended ??= why;
      if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL');
      hanging ??= setTimeout(giveUp, KILLED_MS);
    };
    const giveUp = () => {
      over();
      child.unref();
      output.drop();
      resolve(result(`${ended}, and does not end: a file system does not answer it`, output.text()));
    };
    const abort = () => kill('it was ended with niwad or its container');
    const timer = setTimeout(
      () => kill(`it took longer than ${program.timeoutUsec / 1e6} s`),
      program.timeoutUsec / 1e3,
    );
    const over = () => {
      clearTimeout(timer); // from here on the pid may be another's
      clearTimeout(hanging);
      signal.removeEventListener('abort', abort);
    };
    signal.addEventListener('abort', abort, { once: true });
    if (signal.aborted) abort();
    child.once('exit', async (code, killer) => {
      over();
      await output.ended(STREAMS_MS);
      resolve(result(ended ?? output.refusal() ?? failureOf(code, killer), output.text()));
    });
    child.stdin?.on('error', () => {}).end(input);
  });
}

function start({ file, args }: Program, env: Record<string, string>): ChildProcess {
  const [name = file, ...rest] = args;
  const words = ['exec', file, name, ...rest];
  const child = spawn(REACH_PROGRAM, words, { cwd: '/', env, detached: true, stdio: ['pipe', 'pipe', 'pipe', 'pipe'] });
  if (child.pid !== undefined) takeAwayOfNiwad(child.pid);
  return child;
}

function failureOf(code: number | null, killer: string | null): string | null {
  if (killer !== null) return `ended by ${killer}`;
  return code === 0 ? null : `exit status ${code}`;
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? String(error);
}

/** Keeps the end of what a program writes, however much that is, and why niwa-reach could not become it. */
function collect({ stdio }: ChildProcess) {
  const [, stdout, stderr, report] = (stdio ?? []) as (Readable | null | undefined)[]; // none where a pipe could not be made
  const streams = [stdout, stderr, report].filter((stream) => stream != null);
  let kept = Buffer.alloc(0);
  let errno = '';
  for (const stream of [stdout, stderr])
    stream?.on('data', (bytes: Buffer) => {
      kept = Buffer.concat([kept, bytes]).subarray(-OUTPUT_BYTES);
    });
  report?.on('data', (bytes: Buffer) => {
    errno += bytes;
  });
  for (const stream of streams) stream.on('error', () => {});
  const closed = Promise.all(streams.map((stream) => new Promise((resolve) => stream.once('close', resolve))));
  const drop = () => {
    for (const stream of streams) stream.destroy();
  };
  return {
    text: () => kept.toString().trimEnd(),
    refusal: () => (errno === '' ? null : `cannot run: ${errnoName(Number(errno))}`),
    drop,
    ended: async (patienceMs: number) => {
      const late = setTimeout(drop, patienceMs);
      await closed;
      clearTimeout(late);
    },
  };
}
