import type { Socket } from 'node:net';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, NiwaError } from '../protocol/errors.js';
import { TerminalSize } from '../protocol/exec.js';
import { decodeFrames, encodeData, encodeFrame, FRAME, type Frame, writeTo } from '../protocol/frames.js';
import { parseAs } from '../spec/check.js';
import { toErrorReply } from './errors.js';
import { hasHungUp } from './peer.js';
import { requireSignal } from './requests.js';

/** A piece of output, and the type of frame that carries it. */
export interface Output {
  type: number;
  data: Buffer;
}

/** A running process and its streams, as a client sees them over an upgraded connection. */
export interface Session {
  /** Takes the client's standard input; null if there is no standard input. */
  stdin: Socket | null;
  /** The outputs of the process; each is read only as fast as the client reads. */
  outputs: AsyncIterable<Output>[];
  resize(rows: number, columns: number): void;
  kill(signal: string): void;
  /** Resolves with the payload of the last frame. */
  exited: Promise<object>;
  /** Closes all streams, so that the outputs end. May be called more than once. */
  close(): void;
}

/**
 * After the process has ended, its output is read until none has come for this long: a process that was left behind may
 * hold the pipes open.
 */
const IDLE_MS = 500;
const LOOK_MS = 1000;

/**
 * Serves a session until it has ended or the client has gone, then closes the session. The connection stays open until
 * the client closes it; bytes that the client still sends are read and discarded. If niwad closed the connection with
 * unread bytes, the client's next write would fail, and the client would lose output that it has not read yet.
 */
export async function serveSession(socket: Socket, session: Session): Promise<void> {
  const state = { over: false };
  const gone = hear(socket, session, state);
  try {
    await Promise.race([gone, tell(socket, session)]);
  } catch (error) {
    if (!socket.destroyed) await writeTo(socket, encodeFrame(FRAME.error, toErrorReply(error).body));
  } finally {
    state.over = true;
    session.close();
    socket.end();
    await gone.catch(() => throwAway(socket));
    socket.destroySoon();
  }
}

/** Handles the frames of the client until the session is over. Resolves when the client has closed the connection. */
async function hear(socket: Socket, session: Session, state: { over: boolean }): Promise<void> {
  try {
    for await (const frame of decodeFrames(withoutEnd(socket))) if (!state.over) await act(frame, session, socket);
  } catch (error) {
    if (error instanceof NiwaError) throw error;
    if (error instanceof RangeError || error instanceof SyntaxError)
      throw new NiwaError('SPEC_INVALID', `the client has sent an invalid frame: ${messageOf(error)}`, {
        cause: error,
      });
    // every other error means that the connection is broken
  }
}

/** Reads and discards everything until the end, or until the connection breaks. */
async function throwAway(socket: Socket): Promise<void> {
  socket.resume();
  await finished(socket, { writable: false }).catch(() => {});
}

async function act({ type, payload }: Frame, session: Session, client: Socket): Promise<void> {
  if (type === FRAME.stdin) {
    if (session.stdin !== null) await passOn(payload, session.stdin, client);
  } else if (type === FRAME.stdinEof) {
    session.stdin?.end();
  } else if (type === FRAME.resize) {
    const { rows, columns } = parseAs('the resize', TerminalSize, JSON.parse(payload.toString()));
    session.resize(rows, columns);
  } else if (type === FRAME.signal) {
    session.kill(requireSignal(payload.toString()));
  } else {
    throw new RangeError(`its type is ${type}`);
  }
}

/**
 * Writes standard input. While the process does not read it, niwad does not read from the client either, so niwad
 * checks regularly whether the client has gone.
 */
async function passOn(input: Buffer, stdin: Socket, client: Socket): Promise<void> {
  const look = setInterval(() => {
    if (hasHungUp(client)) stdin.destroy();
  }, LOOK_MS);
  await writeTo(stdin, input);
  clearInterval(look);
}

/**
 * The data of a socket. In contrast to the socket's own iterator, leaving the loop does not destroy the socket, so the
 * last frame can still be written.
 */
function withoutEnd(socket: Socket): AsyncIterable<Buffer> {
  return socket.iterator({ destroyOnReturn: false });
}

/** Sends all output, and then the exit. */
async function tell(socket: Socket, session: Session): Promise<void> {
  const progress = { at: 0, writing: 0 };
  const copies = Promise.all(session.outputs.map((output) => copy(output, socket, progress)));
  const exit = await session.exited;
  await Promise.race([copies, idle(progress)]);
  session.close();
  await copies;
  await writeTo(socket, encodeFrame(FRAME.exit, exit));
}

async function copy(
  output: AsyncIterable<Output>,
  socket: Socket,
  progress: { at: number; writing: number },
): Promise<void> {
  try {
    for await (const { type, data } of output) {
      progress.writing++;
      const taken = await writeTo(socket, encodeData(type, data));
      progress.writing--;
      progress.at = performance.now();
      if (!taken) return;
    }
  } catch {
    // the output was closed before its end
  }
}

async function idle(progress: { at: number; writing: number }): Promise<void> {
  const since = performance.now();
  for (let left = IDLE_MS; left > 0 || progress.writing > 0; left = idleLeft(since, progress.at))
    await sleep(Math.max(left, 10), undefined, { ref: false });
}

function idleLeft(since: number, last: number): number {
  return Math.max(since, last) + IDLE_MS - performance.now();
}
