import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { takeAwayOfNiwad } from '../host/own-limits.js';
import { errnoName } from '../kernel/errors.js';
import { REACH_PROGRAM } from '../kernel/programs.js';
import type { Program } from '../protocol/resolved-hooks.js';

/** The result of one run of a program. */
export interface HookResult {
  /** Why the run counts as failed, for example "exit status 3"; null if it succeeded. */
  failure: string | null;
  /** The end of the program's output on its standard streams. */
  output: string;
  durationMs: number;
}

/** A program, and where it runs: in `/` unless a directory is given, and where the directory is no more. */
type Placed = Program & { directory?: string };

/** How much of the end of the output is kept. */
export const OUTPUT_BYTES = 4096;
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/**
 * How long niwad waits for the rest of the output after the program has ended. A process that the program left behind
 * may hold the streams open.
 */
const STREAMS_MS = 100;
/** How long a killed process may take to end. After this, it hangs on a file system that does not answer. */
const KILLED_MS = 1000;

/**
 * Runs a program on the host as niwad's own user, in its own session and without a shell. When its time is over, or
 * `signal` is aborted, its whole process group is killed. Processes that the program leaves behind when it ends by
 * itself go on. niwa-reach executes the program, because opening its directory or its file may hang.
 * @param variables the environment beside PATH; the order is PATH, `program.env`, these
 * @param input the standard input; a program that does not read it causes no error
 * @returns when the program has ended, or was killed and hangs; never throws
 */
export function runHook(
  program: Placed,
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
      resolve(result(`${ended}, and does not end: it waits for a file system that does not answer`, output.text()));
    };
    const abort = () => kill('it was ended with niwad or its container');
    const timer = setTimeout(
      () => kill(`it took longer than ${program.timeoutUsec / 1e6} s`),
      program.timeoutUsec / 1e3,
    );
    const over = () => {
      clearTimeout(timer); // from here on another process may have this pid
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

function start({ file, args, directory = '/' }: Placed, env: Record<string, string>): ChildProcess {
  const [name = file, ...rest] = args;
  const words = ['exec', directory, file, name, ...rest];
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

/** Keeps the last OUTPUT_BYTES of a program's output, and the errno if niwa-reach could not execute the program. */
function collect({ stdio }: ChildProcess) {
  // a stream is missing if its pipe could not be made
  const [, stdout, stderr, report] = (stdio ?? []) as (Readable | null | undefined)[];
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
