import { Socket } from 'node:net';
import { type Allowed, type Caller, withRealPaths } from '../access/allowed.js';
import { requireExecPermission } from '../access/permissions.js';
import { requireState } from '../engine/actions.js';
import { CheckTurns } from '../engine/check-turns.js';
import type { Container } from '../engine/container.js';
import { execError } from '../engine/failure.js';
import { isOomProtected } from '../host/oom.js';
import { openFilesLimit } from '../host/open-files.js';
import { compileSeccomp } from '../host/seccomp.js';
import { resolveUser } from '../images/user.js';
import { isKernelError } from '../kernel/errors.js';
import type { ExecHandle, Executed } from '../kernel/execs.js';
import type { Kernel } from '../kernel/kernel.js';
import { encodeProgram } from '../plan/encode.js';
import { execOps } from '../plan/exec.js';
import { idOutside } from '../plan/userns.js';
import type { SessionExit } from '../protocol/frames.js';
import { type ExecSpec, parseExec } from '../spec/exec.js';
import { knownSignal, signalName } from '../spec/signals.js';
import { FairTurns } from '../turns.js';

/** A container can hold up those who enter it, each on a thread of Node.js's pool; starts and files need some too. */
const entering = new FairTurns({ root: 4, callers: 4, each: 2 });
const checking = new CheckTurns();

/** A further process in a container. Whoever has it has to read or destroy its streams, and to close() it at last. */
export class Exec {
  /** In the host's numbers. */
  readonly pid: number;
  /** What it reads; null where that is /dev/null. */
  readonly stdin: Socket | null;
  readonly stdout: Socket;
  /** Null where it has a terminal: then all comes by stdout. */
  readonly stderr: Socket | null;
  /** Resolves when it has ended; its output may still be on the way. */
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
    this.exited = kernel.execs.ended(exec).then(({ code, signal }) => ({
      code: code < 0 ? null : code,
      signal: signal === 0 ? null : signalName(signal),
    }));
  }

  /** Sends it a signal; nothing happens where it has ended. */
  kill(signal: string): void {
    this.#kernel.execs.signal(this.#handle, knownSignal(signal));
  }

  /** Sets the size of its terminal; nothing happens where it has none. */
  resize(rows: number, columns: number): void {
    this.#kernel.execs.resize(this.#handle, rows, columns);
  }

  /** Lets go of its streams: a terminal hangs up (SIGHUP), pipes are closed. It may go on. */
  close(): void {
    for (const stream of [this.stdin, this.stdout, this.stderr]) stream?.destroy();
    this.#kernel.execs.hangUp(this.#handle);
  }
}

/**
 * Makes a further process in a container that runs.
 * @param input what src/spec/exec.ts describes
 * @param check of a readiness check: when it is given up, which it may be before it is its turn
 * @throws NiwaError SPEC_INVALID, FORBIDDEN, STATE_CONFLICT, START_FAILED; then nothing is left of it
 */
export async function execIn(
  container: Container,
  input: unknown,
  caller: Caller,
  allowed: Allowed,
  kernel: Pick<Kernel, 'execs'>,
  check?: AbortSignal,
): Promise<Exec> {
  const { id, spec, userns } = container;
  const parsed = parseExec(input, spec);
  const named = { ...spec, process: parsed.process };
  const { process } = await resolveUser(named, `user ${caller.uid}`, 'the exec', 'user');
  const asked = { ...parsed, process };
  requireExecPermission(spec, asked, caller, await withRealPaths(allowed, spec, caller));
  const ops = execOps(spec, asked, {
    userns,
    oomProtected: isOomProtected(),
    openFiles: openFilesLimit(),
    compileSeccomp,
  });
  return container.turns.run(async () => {
    requireState('exec in', id, container.state); // in its turn: a process born into a frozen group would not get on
    const request = requestOf(container, asked, encodeProgram(ops));
    const enter = () => {
      check?.throwIfAborted();
      return kernel.execs.exec(container.handle, request);
    };
    const entered =
      check === undefined
        ? entering.run(caller.uid === 0 ? null : `user ${caller.uid}`, enter)
        : checking.run(container, enter);
    const executed = await entered.catch((error: unknown) => {
      throw isKernelError(error) ? execError(id, ops, error) : error;
    });
    return new Exec(executed, kernel);
  });
}

function requestOf({ userns }: Container, { process, stdin }: ExecSpec, program: Uint8Array) {
  const owner = { uid: idOutside(userns?.uids, process.uid), gid: idOutside(userns?.gids, process.gid) };
  return { program, input: stdin && !process.tty, ...owner };
}

/** Takes one end of a pipe. That it breaks is no error: the other end has gone, which its end tells. */
export function pipe(fd: number, use: 'read' | 'write'): Socket {
  const socket = new Socket({ fd, readable: use === 'read', writable: use === 'write' });
  return socket.on('error', () => socket.destroy());
}
