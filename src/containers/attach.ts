import type { Socket } from 'node:net';
import { type Allowed, type Caller, withRealPaths } from '../access/allowed.js';
import { requireActPermission } from '../access/permissions.js';
import { requireState } from '../engine/actions.js';
import type { Container } from '../engine/container.js';
import type { Kernel } from '../kernel/kernel.js';
import type { ContainerLog } from '../logs/log.js';
import type { Exit } from '../protocol/container.js';
import type { LogChunk } from '../protocol/logs.js';
import { pipe } from './exec.js';

/** A container that a client takes part in. Whoever has it has to close() it at last. */
export interface Attachment {
  /** What goes to its terminal; null where it has none. */
  stdin: Socket | null;
  /** What it writes from now on, until its end. */
  output: AsyncIterable<LogChunk>;
  /** Sets the size of its terminal; nothing happens where it has none. */
  resize(rows: number, columns: number): void;
  exited: Promise<Exit>;
  close(): void;
}

/**
 * Takes part in a container that has not exited; of one that was not started yet, from its first word on.
 * @throws NiwaError FORBIDDEN where it has a terminal and the caller may not ask for such a container, STATE_CONFLICT
 */
export async function attachTo(
  container: Container,
  caller: Caller,
  allowed: Allowed,
  { terminals }: Pick<Kernel, 'terminals'>,
): Promise<Attachment> {
  const { id, spec, state, handle, log, exited } = container;
  requireState('attach to', id, state);
  const { tty } = spec.process;
  if (tty) requireActPermission(spec, caller, await withRealPaths(allowed, spec, caller));
  const left = new AbortController();
  try {
    const output = await fromNowOn(log, state === 'created', left.signal);
    if (tty) requireState('attach to', id, container.state); // it may have ended meanwhile
    const stdin = tty ? pipe(terminals.input(handle), 'write') : null;
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

/** Gives output that misses nothing of what is written once this has resolved. */
async function fromNowOn(log: ContainerLog, all: boolean, left: AbortSignal): Promise<AsyncIterable<LogChunk>> {
  let begun = () => {};
  const begins = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const chunks = log.read({ ...(all ? {} : { tail: 0 }), follow: true, begun }, left);
  const first = chunks.next();
  first.catch(() => {}); // whoever reads the output hears of it
  await Promise.race([begins, first]);
  return (async function* () {
    const { value, done } = await first;
    if (done) return;
    yield value;
    yield* chunks;
  })();
}
