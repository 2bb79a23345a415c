import { randomBytes } from 'node:crypto';
import { Socket } from 'node:net';
import { isOomProtected } from '../host/oom.js';
import { openFilesLimit } from '../host/open-files.js';
import type { Asker } from '../host/reach.js';
import { compileSeccomp } from '../host/seccomp.js';
import { resolveUser } from '../images/user.js';
import { isKernelError } from '../kernel/errors.js';
import type { ExecHandle, ExecRequest, Executed } from '../kernel/execs.js';
import type { Kernel } from '../kernel/kernel.js';
import { FILES_PROGRAM } from '../kernel/programs.js';
import { encodeProgram } from '../plan/encode.js';
import { execOps, imageOps } from '../plan/exec.js';
import type { Op } from '../plan/op.js';
import { idOutside } from '../plan/userns.js';
import { NiwaError } from '../protocol/errors.js';
import type { ExecStarted } from '../protocol/exec.js';
import type { SessionExit } from '../protocol/frames.js';
import type { Spec } from '../protocol/resolved-spec.js';
import { type ExecSpec, parseExec } from '../spec/exec.js';
import { knownSignal, signalName } from '../spec/signals.js';
import { FairTurns } from '../turns/fair-turns.js';
import { type Action, requireState } from './actions.js';
import { CheckTurns } from './check-turns.js';
import type { Container } from './container.js';
import { execError } from './failure.js';

/**
 * Entering a container occupies a thread of Node.js's pool, and a container can make this take long. So only some may
 * be entered at once: starts and files need threads too.
 */
const entering = new FairTurns({ root: 4, callers: 4, each: 2 });
const checking = new CheckTurns();

/** niwad holds a descriptor for each detached exec, so a container has at most so many at a time. */
const MOST_DETACHED = 64;
/** How many detached execs of a container run, of those that this niwad has started. */
const detached = new WeakMap<Container, number>();

/**
 * An additional process in a container. The owner of an exec must read or destroy the streams, and must call close() in
 * the end.
 */
export class Exec {
  /** The pid as the host sees it. */
  readonly pid: number;
  /** The standard input of the process; null if that is /dev/null. */
  readonly stdin: Socket | null;
  readonly stdout: Socket;
  /**
   * The standard error of the process; null if the process has a terminal, because all its output then comes by stdout.
   */
  readonly stderr: Socket | null;
  /** Resolves when the process has ended; some of its output may come later. */
  readonly exited: Promise<SessionExit>;
  readonly #handle: ExecHandle;
  readonly #kernel: Pick<Kernel, 'execs'>;

  constructor({ exec, pid, stdin, stdout, stderr }: Executed, kernel: Pick<Kernel, 'execs'>) {
    this.#kernel = kernel;
    this.#handle = exec;
    this.pid = pid;
    this.stdin = stdin < 0 ? null : pipe(stdin, 'write');
    this.stdout = pipe(stdout, 'read');
    this.stderr = stderr < 0 ? null : pipe(stderr, 'read');
    this.exited = endOf(exec, kernel);
  }

  /** Sends a signal to the process; does nothing if the process has ended. */
  kill(signal: string): void {
    this.#kernel.execs.signal(this.#handle, knownSignal(signal));
  }

  /** Sets the size of the terminal; does nothing if the process has none. */
  resize(rows: number, columns: number): void {
    this.#kernel.execs.resize(this.#handle, rows, columns);
  }

  /** Closes the streams: a terminal sends SIGHUP to the process, pipes are closed. The process may continue to run. */
  close(): void {
    for (const stream of [this.stdin, this.stdout, this.stderr]) stream?.destroy();
    this.#kernel.execs.hangUp(this.#handle);
  }
}

/** Resolves with how the process of an exec ended. */
async function endOf(exec: ExecHandle, kernel: Pick<Kernel, 'execs'>): Promise<SessionExit> {
  const { code, signal } = await kernel.execs.ended(exec);
  return { code: code < 0 ? null : code, signal: signal === 0 ? null : signalName(signal) };
}

/**
 * Checks the request for an exec, and finds the ids of its user in the root of the container.
 * @param input the request, see src/spec/exec.ts
 * @param asker the caller for whom the root is opened
 * @throws NiwaError SPEC_INVALID; the errors of reach()
 */
export async function resolveExec(spec: Spec, input: unknown, asker: Asker): Promise<ExecSpec> {
  const parsed = parseExec(input, spec);
  const { process } = await resolveUser({ ...spec, process: parsed.process }, asker, 'the exec', 'user');
  return { ...parsed, process };
}

/**
 * Among whom an exec waits for its turn: the callers, by the name of one (null for root), or the readiness checks. A
 * check may be given up before its turn has come; then its signal is aborted.
 */
export type ExecTurn = { caller: string | null } | { check: AbortSignal };

/**
 * Starts an additional process in a container that runs.
 * @throws NiwaError STATE_CONFLICT, START_FAILED; then the process does not exist
 */
export async function startExec(
  container: Container,
  asked: ExecSpec,
  turn: ExecTurn,
  kernel: Pick<Kernel, 'execs'>,
): Promise<Exec> {
  const ops = execOps(container.spec, asked, hostOf(container));
  return new Exec(await enterContainer(container, 'exec in', ops, requestOf(container, asked), turn, kernel), kernel);
}

/** A process in a container that runs on its own; `exited` resolves when it has ended. */
export interface DetachedExec extends ExecStarted {
  exited: Promise<SessionExit>;
}

/**
 * Starts an additional process in a container that runs. Its standard streams are /dev/null, so it needs neither a
 * client nor niwad to go on.
 * @throws NiwaError STATE_CONFLICT, START_FAILED; then the process does not exist
 */
export async function startDetached(
  container: Container,
  asked: ExecSpec,
  turn: ExecTurn,
  kernel: Pick<Kernel, 'execs'>,
): Promise<DetachedExec> {
  const running = detached.get(container) ?? 0;
  if (running >= MOST_DETACHED)
    throw new NiwaError(
      'STATE_CONFLICT',
      `${running} detached execs run in container ${container.id}, and niwad watches no more: wait until one ends`,
    );
  detached.set(container, running + 1);
  const forget = () => void detached.set(container, (detached.get(container) ?? 0) - 1);
  try {
    const ops = execOps(container.spec, asked, hostOf(container));
    const request = { ...requestOf(container, asked), output: false };
    const { exec, pid } = await enterContainer(container, 'exec in', ops, request, turn, kernel);
    return { id: randomBytes(6).toString('hex'), pid, exited: endOf(exec, kernel).finally(forget) };
  } catch (error) {
    forget();
    throw error;
  }
}

/**
 * Starts niwa-files in a container, also in one that is not started yet: what it does there is in native/files/main.cc.
 * It is a process of the container, with the rights of an exec: paths lead where they lead in the container.
 * @param asked whose arguments are those of niwa-files
 * @throws NiwaError STATE_CONFLICT, START_FAILED; then the process does not exist
 */
export async function startFiles(
  container: Container,
  asked: ExecSpec,
  turn: ExecTurn,
  kernel: Pick<Kernel, 'execs'>,
): Promise<Exec> {
  const ops = imageOps(container.spec, asked, hostOf(container));
  const request = { ...requestOf(container, asked), image: FILES_PROGRAM };
  return new Exec(await enterContainer(container, 'copy files of', ops, request, turn, kernel), kernel);
}

function hostOf({ userns }: Container) {
  return { userns, oomProtected: isOomProtected(), openFiles: openFilesLimit(), compileSeccomp };
}

/** Makes a process in a container that runs the given boot program. */
async function enterContainer(
  container: Container,
  action: Action,
  ops: readonly Op[],
  request: Omit<ExecRequest, 'program'>,
  turn: ExecTurn,
  kernel: Pick<Kernel, 'execs'>,
): Promise<Executed> {
  const { id } = container;
  return container.turns.run(async () => {
    // checked once more, now that its turn has come: a process that is made in a frozen group would hang
    requireState(action, id, container.state);
    const enter = () => kernel.execs.exec(container.handle, { ...request, program: encodeProgram(ops) });
    return await inTurn(container, turn, enter).catch((error: unknown) => {
      throw isKernelError(error) ? execError(id, ops, error) : error;
    });
  });
}

function inTurn<T>(container: Container, turn: ExecTurn, enter: () => Promise<T>): Promise<T> {
  if ('caller' in turn) return entering.run(turn.caller, enter);
  return checking.run(container, () => {
    turn.check.throwIfAborted();
    return enter();
  });
}

function requestOf({ userns }: Container, { process, stdin }: ExecSpec) {
  const owner = { uid: idOutside(userns?.uids, process.uid), gid: idOutside(userns?.gids, process.gid) };
  return { input: stdin && !process.tty, output: true, image: '', ...owner };
}

/**
 * Opens one end of a pipe as a socket. Its errors are ignored: a broken pipe means that the other end is closed, which
 * the end of the stream tells.
 */
export function pipe(fd: number, use: 'read' | 'write'): Socket {
  const socket = new Socket({ fd, readable: use === 'read', writable: use === 'write' });
  return socket.on('error', () => socket.destroy());
}

/** Waits for the end of a process and discards its output; kills the process when `signal` is aborted. */
export async function exitCodeOf(exec: Exec, signal: AbortSignal): Promise<number | null> {
  const kill = () => exec.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  if (signal.aborted) kill();
  for (const stream of [exec.stdout, exec.stderr]) stream?.resume();
  const { code } = await exec.exited;
  signal.removeEventListener('abort', kill);
  exec.close();
  return code;
}
