import type { ReadStream } from 'node:tty';
import type { ClientSession } from '../client/session.js';
import { NiwaError } from '../errors.js';
import type { SessionExit } from '../protocol/frames.js';
import { DetachFilter } from './detach-keys.js';
import { FORWARDED } from './forwarded.js';

/** How a session looks from here. */
export interface SessionOptions {
  /** Whether it has a terminal: then ours is raw meanwhile, and it hears of its size. */
  tty: boolean;
  /** Whether it gets our standard input. */
  stdin: boolean;
  /** The keys that leave it, none for never. */
  detachKeys: Uint8Array;
}

/**
 * Makes sure that a terminal can be passed on.
 * @throws NiwaError SPEC_INVALID
 */
export function requireTerminal(): void {
  if (!process.stdin.isTTY)
    throw new NiwaError(
      'SPEC_INVALID',
      'the input device is not a terminal: -t needs one; leave it out, and -i alone passes standard input on',
    );
}

/** The size of our terminal; undefined where standard output is none. */
export function terminalSize(): { rows: number; columns: number } | undefined {
  const { rows, columns } = process.stdout;
  return process.stdout.isTTY && rows > 0 && columns > 0 ? { rows, columns } : undefined;
}

/**
 * Connects our standard streams with a session until it ends. The terminal is as before afterwards, also after an error.
 * @returns how it ended; null where it was left by the detach keys
 * @throws NiwaError as the session does
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

/** Gives null for a detach; at the end of our input it only says so, and the session goes on. */
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

/** A process with a standard input that it still reads does not end. */
function letGoOfInput(stdin: ReadStream): void {
  stdin.pause();
  stdin.unref?.();
}
