import type { ReadStream } from 'node:tty';
import type { ClientSession } from '../client/session.js';
import { NiwaError } from '../protocol/errors.js';
import type { SessionExit } from '../protocol/frames.js';
import { DetachFilter } from './detach-keys.js';
import { FORWARDED } from './forwarded.js';

/** How a session is connected to the user's terminal. */
export interface SessionOptions {
  /**
   * Whether the session has a terminal. If so, the user's terminal is in raw mode during the session, and the session
   * gets its size.
   */
  tty: boolean;
  /** Whether the session gets niwa's standard input. */
  stdin: boolean;
  /** The keys that detach from the session; empty for no keys. */
  detachKeys: Uint8Array;
}

/**
 * Throws unless standard input is a terminal, which a session with a terminal needs.
 * @throws NiwaError SPEC_INVALID
 */
export function requireTerminal(): void {
  if (!process.stdin.isTTY)
    throw new NiwaError(
      'SPEC_INVALID',
      'the input device is not a terminal: -t needs one; leave it out, and -i alone passes standard input on',
    );
}

/** The size of the user's terminal; undefined if standard output is not a terminal. */
export function terminalSize(): { rows: number; columns: number } | undefined {
  const { rows, columns } = process.stdout;
  return process.stdout.isTTY && rows > 0 && columns > 0 ? { rows, columns } : undefined;
}

/**
 * Connects niwa's standard streams with a session until the session ends. Afterwards the user's terminal has its old
 * mode, also after an error.
 * @returns how the session ended; null if the user has detached
 * @throws NiwaError the errors of the session
 */
export async function passThrough(session: ClientSession, options: SessionOptions): Promise<SessionExit | null> {
  const resize = () => {
    const size = terminalSize();
    if (size !== undefined) session.resize(size.rows, size.columns);
  };
  const handlers = options.tty ? [] : FORWARDED.map((signal) => [signal, () => session.kill(signal)] as const);
  for (const [signal, forward] of handlers) process.on(signal, forward);
  if (options.tty) {
    if (options.stdin) process.stdin.setRawMode?.(true);
    process.stdout.on('resize', resize);
    resize();
  }
  try {
    return await Promise.race([output(session), ...(options.stdin ? [input(session, options)] : [])]);
  } finally {
    for (const [signal, forward] of handlers) process.off(signal, forward);
    process.stdout.off('resize', resize);
    if (process.stdin.isTTY && process.stdin.isRaw) process.stdin.setRawMode(false);
    session.close();
    letGoOfInput(process.stdin);
  }
}

async function output(session: ClientSession): Promise<SessionExit> {
  const pieces = session.output();
  for (;;) {
    const next = await pieces.next();
    if (next.done) return next.value;
    const target = process[next.value.stream];
    if (!target.write(next.value.data)) await new Promise((resolve) => target.once('drain', resolve));
  }
}

/**
 * Sends niwa's standard input to the session. Resolves with null when the user detaches. At the end of the input the
 * session goes on, and the promise never resolves.
 */
async function input(session: ClientSession, { tty, detachKeys }: SessionOptions): Promise<null> {
  const filter = new DetachFilter(tty ? detachKeys : new Uint8Array());
  const pieces = process.stdin.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  for await (const piece of pieces) {
    const { data, detached } = filter.feed(piece);
    if (data.length > 0 && !(await session.write(data))) break;
    if (detached) return null;
  }
  session.endInput();
  return new Promise(() => {});
}

/** Stops reading standard input: while Node.js reads from it, niwa does not exit. */
function letGoOfInput(stdin: ReadStream): void {
  stdin.pause();
  stdin.unref?.();
}
