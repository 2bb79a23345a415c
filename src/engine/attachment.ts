import type { Socket } from 'node:net';
import { isKernelError } from '../kernel/errors.js';
import type { Kernel } from '../kernel/kernel.js';
import type { ContainerLog } from '../logs/log.js';
import type { Exit } from '../protocol/container.js';
import type { LogChunk } from '../protocol/logs.js';
import { requireState } from './actions.js';
import type { Container } from './container.js';
import { pipe } from './exec.js';

/** A client's connection to a container. The owner of an attachment must call close() in the end. */
export interface Attachment {
  /**
   * Input for the container's terminal, or its standard input; null if it has none, or if this client does not get it.
   */
  stdin: Socket | null;
  /** The output of the container from now on, until the container ends. */
  output: AsyncIterable<LogChunk>;
  /** Sets the size of the container's terminal; does nothing if the container has no terminal. */
  resize(rows: number, columns: number): void;
  exited: Promise<Exit>;
  close(): void;
}

/**
 * Connects a client to a container that has not exited. If the container was not started yet, the client gets the
 * output from the first byte on.
 * @param wantsInput whether the client wants to write to the container. Many clients can write to a terminal. The
 *   standard input belongs to the first client that wants it: when that client leaves, the container reads the end.
 * @throws NiwaError STATE_CONFLICT
 */
export async function attachTo(
  container: Container,
  wantsInput: boolean,
  kernel: Pick<Kernel, 'containers' | 'terminals'>,
): Promise<Attachment> {
  const { terminals } = kernel;
  const { id, spec, state, handle, log, exited } = container;
  requireState('attach to', id, state);
  const { tty } = spec.process;
  const left = new AbortController();
  try {
    const output = await fromNowOn(log, state === 'created', left.signal);
    if (tty) requireState('attach to', id, container.state); // the container may have ended during the steps above
    const stdin = wantsInput ? inputOf(container, kernel) : null;
    return {
      stdin,
      output,
      resize: (rows, columns) => terminals.resize(handle, rows, columns),
      exited,
      close: () => {
        left.abort();
        stdin?.destroy();
      },
    };
  } catch (error) {
    left.abort();
    throw error;
  }
}

function inputOf({ spec, handle }: Container, { containers, terminals }: Pick<Kernel, 'containers' | 'terminals'>) {
  if (spec.process.tty) return pipe(terminals.input(handle), 'write');
  if (!spec.process.stdin) return null;
  try {
    return pipe(containers.takeInput(handle), 'write');
  } catch (error) {
    if (isKernelError(error, 'EPIPE')) return null; // another client has it
    throw error;
  }
}

/** Gives the output of a container. Output that is written after this promise has resolved is never missing. */
async function fromNowOn(log: ContainerLog, all: boolean, left: AbortSignal): Promise<AsyncIterable<LogChunk>> {
  let begun = () => {};
  const begins = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const chunks = log.read({ ...(all ? {} : { tail: 0 }), follow: true, begun }, left);
  const first = chunks.next();
  first.catch(() => {}); // the reader of the output gets this error
  await Promise.race([begins, first]);
  return (async function* () {
    const { value, done } = await first;
    if (done) return;
    yield value;
    yield* chunks;
  })();
}
