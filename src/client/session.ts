import type { Socket } from 'node:net';
import { type ErrorBody, NiwaError } from '../protocol/errors.js';
import { decodeFrames, encodeData, encodeFrame, FRAME, type SessionExit, writeTo } from '../protocol/frames.js';

/** A piece of the output of a process in a container. */
export interface OutputPiece {
  stream: 'stdout' | 'stderr';
  data: Buffer;
}

/** A connection to an exec or to a container; the caller must read its output. */
export class ClientSession {
  readonly #socket: Socket;

  /** @param socket the connection after the answer 101 */
  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('error', () => socket.destroy());
  }

  /**
   * Gives the output as it comes, and in the end how the process or the container ended.
   * @throws NiwaError the daemon's error, or DAEMON_UNREACHABLE if the connection breaks before the end
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

  /** Sends standard input; resolves when there is room for more. Gives false if the other side no longer reads it. */
  write(data: Uint8Array): Promise<boolean> {
    return writeTo(this.#socket, encodeData(FRAME.stdin, data));
  }

  /** Ends standard input. */
  endInput(): void {
    this.#send(encodeFrame(FRAME.stdinEof));
  }

  /** Sets the size of the terminal. */
  resize(rows: number, columns: number): void {
    this.#send(encodeFrame(FRAME.resize, { rows, columns }));
  }

  /** Sends a signal to the process. */
  kill(signal: string): void {
    this.#send(encodeFrame(FRAME.signal, signal));
  }

  /**
   * Closes the connection. An exec with a terminal gets SIGHUP; an exec without a terminal finds its pipes closed; a
   * container goes on.
   */
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
