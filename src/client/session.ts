import type { Socket } from 'node:net';
import { type ErrorBody, NiwaError } from '../protocol/errors.js';
import { decodeFrames, encodeData, encodeFrame, FRAME, type SessionExit, writeTo } from '../protocol/frames.js';

/** A piece of what something in a container writes. */
export interface OutputPiece {
  stream: 'stdout' | 'stderr';
  data: Buffer;
}

/** A connection to an exec, or to a container; its output has to be read. */
export class ClientSession {
  readonly #socket: Socket;

  /** @param socket after the answer 101 */
  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => socket.destroy());
  }

  /**
   * Gives what it writes, as it comes, and at the end how it ended.
   * @throws NiwaError of the daemon, or DAEMON_UNREACHABLE where the connection breaks before the end
   */
  async *output(): AsyncGenerator<OutputPiece, SessionExit> {
    try {
      for await (const { type, payload } of decodeFrames(this.#socket)) {
        if (type === FRAME.stdout) yield { stream: 'stdout', data: payload };
        else if (type === FRAME.stderr) yield { stream: 'stderr', data: payload };
        else if (type === FRAME.exit) return JSON.parse(payload.toString()) as SessionExit;
        else if (type === FRAME.error) throw errorOf(JSON.parse(payload.toString()) as ErrorBody);
      }
    } catch (error) {
      if (error instanceof NiwaError) throw error;
    }
    throw new NiwaError('DAEMON_UNREACHABLE', 'the connection to niwad was cut before the end');
  }

  /** Sends standard input; resolves when there is room for more. Gives false where nobody takes it any more. */
  write(data: Uint8Array): Promise<boolean> {
    return writeTo(this.#socket, encodeData(FRAME.stdin, data));
  }

  /** Nothing more comes on standard input. */
  endInput(): void {
    this.#send(encodeFrame(FRAME.stdinEof));
  }

  /** Tells the size of the terminal. */
  resize(rows: number, columns: number): void {
    this.#send(encodeFrame(FRAME.resize, { rows, columns }));
  }

  /** Sends a signal to the process. */
  kill(signal: string): void {
    this.#send(encodeFrame(FRAME.signal, signal));
  }

  /** Goes away: an exec with a terminal gets SIGHUP, one without finds its pipes closed; a container goes on. */
  close(): void {
    this.#socket.destroy();
  }

  #send(frame: Buffer): void {
    if (!this.#socket.destroyed) this.#socket.write(frame);
  }
}

function errorOf({ code, message, ...details }: ErrorBody): NiwaError {
  return new NiwaError(code, message, { details });
}
