import { createConnection, type Socket } from 'node:net';
import { type BusCall, type BusMessage, decodeMessage, encodeCall, KIND, lengthOf } from './message.js';
import type { BusValue } from './value.js';

/** An error that the other end has sent. */
export class BusError extends Error {
  override readonly name = 'BusError';
  /** Its name, such as `org.freedesktop.systemd1.UnitExists`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

const END_OF_LINE = Buffer.from('\r\n');
/** The longest answer to the authentication. */
const MOST_LINE_BYTES = 1024;

/** Who waits for the authentication has the serial that no call has. */
const ADMISSION = 0;

interface Waiting {
  resolve: (body: BusValue[]) => void;
  reject: (error: Error) => void;
  timer: NodeJS.Timeout;
}

/** Is told each signal, and null when the connection has ended. */
export type BusListener = (signal: BusMessage | null) => void;

/**
 * A connection to a message bus, or to a peer on a socket of its own, as the user of this process. It keeps no process
 * alive.
 */
export class BusConnection {
  readonly #socket: Socket;
  readonly #patienceMs: number;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<BusListener>();
  #bytes = Buffer.alloc(0);
  #isAdmitted = false;
  #serial = 0;
  #isOpen = true;

  /**
   * Connects. Messages follow only behind the answer to the authentication: systemd does not read one at once that it
   * gets together with that.
   * @param path of the Unix socket
   * @param patienceMs how long an answer may take: after that the connection ends
   * @throws Error with the errno as its code where nobody listens there
   */
  static open(path: string, patienceMs: number): Promise<BusConnection> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(path).unref();
      const connection = new BusConnection(socket, patienceMs);
      const admission = { resolve: () => resolve(connection), reject, timer: connection.#patience() };
      connection.#waiting.set(ADMISSION, admission);
    });
  }

  private constructor(socket: Socket, patienceMs: number) {
    this.#socket = socket;
    this.#patienceMs = patienceMs;
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
    socket.on('error', (error) => this.#end(error));
    socket.on('close', () => this.#end(new Error('the other end has closed the connection')));
    const user = Buffer.from(String(process.getuid?.() ?? 0)).toString('hex');
    socket.write(`\0AUTH EXTERNAL ${user}\r\nBEGIN\r\n`);
  }

  /** Calls a method; gives the values of its answer. @throws BusError, Error where the connection ends */
  call(call: BusCall): Promise<BusValue[]> {
    return new Promise((resolve, reject) => {
      if (!this.#isOpen) return reject(new Error('the connection is closed'));
      this.#waiting.set(++this.#serial, { resolve, reject, timer: this.#patience() });
      this.#socket.write(encodeCall(call, this.#serial));
    });
  }

  /** Adds a listener; gives what removes it. */
  listen(listener: BusListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #patience(): NodeJS.Timeout {
    const late = new Error(`it has not answered for ${this.#patienceMs / 1000} s`);
    return setTimeout(() => this.#end(late), this.#patienceMs);
  }

  /** Ends the connection: all that wait get this error. */
  #end(error: Error): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#socket.destroy();
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(error);
    }
    this.#waiting.clear();
    for (const listener of this.#listeners) listener(null);
    this.#listeners.clear();
  }

  /** Gives who waits for an answer; undefined for none. */
  #answered(serial: number): Waiting | undefined {
    const waiting = this.#waiting.get(serial);
    this.#waiting.delete(serial);
    clearTimeout(waiting?.timer);
    return waiting;
  }

  #take(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    try {
      if (!this.#isAdmitted) this.#takeAdmission();
      if (this.#isAdmitted) this.#takeMessages();
    } catch (error) {
      this.#end(error as Error);
    }
  }

  #takeAdmission(): void {
    const end = this.#bytes.indexOf(END_OF_LINE);
    const line = this.#bytes.toString('latin1', 0, end < 0 ? MOST_LINE_BYTES : end);
    if (end >= 0 && line.startsWith('OK ')) {
      this.#isAdmitted = true;
      this.#bytes = this.#bytes.subarray(end + END_OF_LINE.length);
      this.#answered(ADMISSION)?.resolve([]);
    } else if (end >= 0 || line.length === MOST_LINE_BYTES) throw new Error(`the connection was refused: ${line}`);
  }

  #takeMessages(): void {
    for (let length = lengthOf(this.#bytes); ; length = lengthOf(this.#bytes)) {
      if (length === undefined || this.#bytes.length < length) return;
      const message = decodeMessage(this.#bytes.subarray(0, length));
      this.#bytes = this.#bytes.subarray(length);
      this.#deliver(message);
    }
  }

  #deliver(message: BusMessage): void {
    if (message.kind === KIND.signal) for (const listener of this.#listeners) listener(message);
    const waiting = this.#answered(message.replyTo);
    if (waiting === undefined) return;
    const [text] = message.body;
    if (message.kind === KIND.reply) waiting.resolve(message.body);
    else waiting.reject(new BusError(message.error, typeof text === 'string' && text !== '' ? text : message.error));
  }
}
