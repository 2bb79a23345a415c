import type { Socket } from 'node:net';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf, NiwaError } from '../errors.js';
import { TerminalSize } from '../protocol/exec.js';
import { decodeFrames, encodeData, encodeFrame, FRAME, type Frame, writeTo } from '../protocol/frames.js';
import { parseAs } from '../spec/check.js';
import { toErrorReply } from './errors.js';
import { hasHungUp } from './peer.js';
import { requireSignal } from './requests.js';

/** A piece of output and the type of the frames that it goes into. */
export interface Output {
  type: number;
  data: Buffer;
}

/** What a client and something that runs say to each other over an upgraded connection. */
export interface Session {
  /** Where standard input goes; null for nowhere. */
  stdin: Socket | null;
  /** All that it says; each is read no faster than the client takes it. */
  outputs: AsyncIterable<Output>[];
  resize(rows: number, columns: number): void;
  kill(signal: string): void;
  /** Resolves with the payload of the last frame. */
  exited: Promise<object>;
  /** Lets go of all of it; outputs end. Called once or more. */
  close(): void;
}

/** After the end, output is waited for as long as some comes: a process that was left behind may hold its pipes open. */
const IDLE_MS = 500;
const LOOK_MS = 1000;

/**
 * Serves a session until it has ended or the client has gone; then lets go of it. The connection stays until the client closes it:
 * whatever it still sends is read and thrown away. A close with something unread would be an error of the client's next write, and
 * with that a client loses what it has not read yet.
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

/** Does what the client says, until the session is over. Ends when it says nothing any more: it has gone. */
async function hear(socket: Socket, session: Session, state: { over: boolean }): Promise<void> {
  try {
    for await (const frame of decodeFrames(withoutEnd(socket))) if (!state.over) await act(frame, session, socket);
  } catch (error) {
    if (error instanceof NiwaError) throw error;
    if (error instanceof RangeError || error instanceof SyntaxError)
      throw new NiwaError('SPEC_INVALID', `what the client sends is no frame: ${messageOf(error)}`, { cause: error });
    // else the connection has broken
  }
}

/** Reads to the end, or until the connection breaks. */
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

/** Writes input. While nobody takes it nothing is read of the client: whether that has gone has to be looked at. */
async function passOn(input: Buffer, stdin: Socket, client: Socket): Promise<void> {
  const look = setInterval(() => {
    if (hasHungUp(client)) stdin.destroy();
  }, LOOK_MS);
  await writeTo(stdin, input);
  clearInterval(look);
}

/** The pieces of a socket; unlike its own iterator, leaving off does not destroy it before the last word is written. */
function withoutEnd(socket: Socket): AsyncIterable<Buffer> {
  return socket.iterator({ destroyOnReturn: false });
}

/** Sends all output, and the end. */
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
    // it was closed before its end
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
