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
  resolve: (body: BusValue[] | Promise<BusValue[]>) => void;
  reject: (error: Error) => void;
  timer: NodeJS.Timeout;
}

/** Is told each signal, and at last why the connection has ended. */
export type BusListener = (heard: BusMessage | Error) => void;

/**
 * A connection to a peer on a socket of its own, as the user of this process. It keeps the process alive only while a
 * call waits.
 */
export class BusConnection {
  readonly #socket: Socket;
  readonly #waiting = new Map<number, Waiting>();
  readonly #listeners = new Set<BusListener>();
  /** What has come and is not read yet. */
  #pieces: Buffer[] = [];
  /** How many bytes have to come before there is more to read. */
  #missing = 0;
  #isAdmitted = false;
  #serial = 0;
  /** Why the connection has ended. */
  #ended: Error | undefined;

  /**
   * Connects. Messages follow only behind the answer to the authentication: systemd does not read one at once that it
   * gets together with that.
   * @param path of the Unix socket
   * @param deadlineMs when it has to be made, on the clock of performance.now()
   * @throws Error with the errno as its code where nobody listens there
   */
  static open(path: string, deadlineMs: number): Promise<BusConnection> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(path).unref();
      const connection = new BusConnection(socket);
      const admission = { resolve: () => resolve(connection), reject, timer: connection.#endAt(deadlineMs) };
      connection.#waiting.set(ADMISSION, admission);
    });
  }

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (bytes: Buffer) => this.#take(bytes));
    socket.on('error', (error) => this.#end(error));
    const closed = Object.assign(new Error('the other end has closed the connection'), { code: 'ECONNRESET' });
    socket.on('close', () => this.#end(closed));
    const user = Buffer.from(String(process.getuid?.() ?? 0)).toString('hex');
    socket.write(`\0AUTH EXTERNAL ${user}\r\nBEGIN\r\n`);
  }

  /**
   * Calls a method; gives the values of its answer.
   * @param deadlineMs when the answer has to be here, on the clock of performance.now(): then the connection ends
   * @throws BusError, Error where the connection ends
   */
  call(call: BusCall, deadlineMs: number): Promise<BusValue[]> {
    return new Promise((resolve, reject) => {
      if (this.#ended !== undefined) return reject(this.#ended);
      const bytes = encodeCall(call, ++this.#serial); // throws for values that do not fit: then nobody waits
      this.#waiting.set(this.#serial, { resolve, reject, timer: this.#endAt(deadlineMs) });
      this.#socket.write(bytes);
    });
  }

  /** Adds a listener; gives what removes it. Where the connection has ended already, it is told that at once. */
  listen(listener: BusListener): () => void {
    if (this.#ended !== undefined) listener(this.#ended);
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  #endAt(deadlineMs: number): NodeJS.Timeout {
    return setTimeout(() => this.#end(new Error('it has not answered in time')), deadlineMs - performance.now());
  }

  /** Ends the connection: all that wait get this error. */
  #end(error: Error): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    this.#socket.destroy();
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(error);
    }
    this.#waiting.clear();
    for (const listener of this.#listeners) listener(error);
    this.#listeners.clear();
  }

  /** Gives who waits for an answer; undefined for none. */
  #answered(serial: number): Waiting | undefined {
    const waiting = this.#waiting.get(serial);
    this.#waiting.delete(serial);
    clearTimeout(waiting?.timer);
    return waiting;
  }

  #take(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#missing -= piece.length;
    if (this.#missing > 0) return;
    try {
      let bytes: Buffer = Buffer.concat(this.#pieces);
      if (!this.#isAdmitted) bytes = this.#takeAdmission(bytes);
      if (this.#isAdmitted) bytes = this.#takeMessages(bytes);
      this.#pieces = [bytes];
    } catch (error) {
      this.#end(error as Error);
    }
  }

  /** Reads the answer to the authentication; gives what is behind it. @throws Error for a refusal */
  #takeAdmission(bytes: Buffer): Buffer {
    const end = bytes.indexOf(END_OF_LINE);
    const line = bytes.toString('latin1', 0, end < 0 ? MOST_LINE_BYTES : end);
    if (end < 0 && line.length < MOST_LINE_BYTES) return bytes;
    if (end < 0 || !line.startsWith('OK ')) throw new Error(`the connection was refused: ${line}`);
    this.#isAdmitted = true;
    this.#answered(ADMISSION)?.resolve([]);
    return bytes.subarray(end + END_OF_LINE.length);
  }

  /** Reads the messages that are whole; gives what is behind them. @throws Error where no end of a message is known */
  #takeMessages(bytes: Buffer): Buffer {
    for (let rest = bytes; ; ) {
      const length = lengthOf(rest);
      this.#missing = length - rest.length;
      if (this.#missing > 0) return rest;
      this.#deliver(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
  }

  #deliver(bytes: Buffer): void {
    try {
      const message = decodeMessage(bytes);
      if (message.kind === KIND.signal) for (const listener of this.#listeners) listener(message);
      else if (message.kind === KIND.reply || message.kind === KIND.error)
        this.#answered(message.replyTo)?.resolve(valuesOf(message));
    } catch {
      // a message that cannot be read, also by a listener, changes nothing: the next one begins at a known place
    }
  }
}

/** Gives the values of an answer. @throws BusError for an error, Error for values that cannot be read */
async function valuesOf(answer: BusMessage): Promise<BusValue[]> {
  const values = answer.body();
  if (answer.kind === KIND.reply) return values;
  const [text] = values;
  throw new BusError(answer.error, typeof text === 'string' && text !== '' ? text : answer.error);
}
