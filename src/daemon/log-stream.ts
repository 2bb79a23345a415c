import { constants, fstatSync, openSync, write, writeSync } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** How many bytes may wait to be written. Lines for which there is no room are dropped. */
const MAX_WAITING_BYTES = 1024 * 1024;
const RETRY_MS = 50;
/** A full disk is tried less often than a pipe whose reader is slow. */
const FULL_RETRY_MS = 1000;

const writeTo = promisify(write);

/**
 * The log of niwad on a descriptor, for pino. No part of niwad ever waits for it: lines are kept until they can be
 * written; lines for which there is no room are dropped and counted. This is the same for a full disk, a pipe that was
 * closed, and a pipe from which nobody reads.
 *
 * A line for a pipe, a terminal or a socket is written at once, by one system call that never waits. A file may make
 * its writer wait, so threads of Node.js write to it.
 *
 * It replaces pino's own stream (sonic-boom), which at the end of the process tries for ever to write to a full disk.
 */
export class LogStream {
  readonly #fd: number;
  /** Whether a write to it never waits. */
  readonly #isPrompt: boolean;
  readonly #tell: (lines: number) => void;
  #waiting: Buffer[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | null = null;
  #dropped = 0;
  #told = 0;

  /**
   * @param fd the caller opens and closes it
   * @param tell called when lines can be written again, with the number of lines dropped since the last call
   */
  constructor(fd: number, tell: (lines: number) => void) {
    ({ fd: this.#fd, isPrompt: this.#isPrompt } = withoutWaiting(fd));
    this.#tell = tell;
  }

  /** How many lines have been dropped so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes a line, with its newline. */
  write(line: string): void {
    const whole = Buffer.from(line);
    if (this.#waitingBytes + whole.length > MAX_WAITING_BYTES) {
      this.#dropped++;
      return;
    }
    const rest = this.#isPrompt && this.#writing === null ? whole.subarray(this.#tryToWrite(whole)) : whole;
    if (rest.length === 0) return;
    this.#waiting.push(rest);
    this.#waitingBytes += rest.length;
    this.#writing ??= this.#writeAll();
  }

  /** Waits until all lines are written, at most for `patienceMs`. */
  async flushed(patienceMs: number): Promise<void> {
    const patience = sleep(patienceMs);
    await Promise.race([this.#writing, patience]);
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = Buffer.concat(this.#waiting);
      this.#waiting = [];
      await this.#writeWhole(batch);
      this.#waitingBytes -= batch.length;
      if (this.#waiting.length > 0 || this.#dropped === this.#told) continue;
      const lines = this.#dropped - this.#told;
      this.#told = this.#dropped;
      this.#tell(lines);
    }
    this.#writing = null;
  }

  /** Gives how many bytes were written. */
  #tryToWrite(bytes: Buffer): number {
    try {
      return writeSync(this.#fd, bytes);
    } catch {
      return 0; // tried again by writeAll()
    }
  }

  async #writeWhole(bytes: Buffer): Promise<void> {
    for (let done = 0; done < bytes.length; ) {
      try {
        done += (await writeTo(this.#fd, bytes, done)).bytesWritten;
      } catch (error) {
        await sleep((error as NodeJS.ErrnoException).code === 'EAGAIN' ? RETRY_MS : FULL_RETRY_MS, undefined, {
          ref: false,
        });
      }
    }
  }
}

/**
 * Gives a descriptor for the same output, and whether a write to it never waits. A thread that waits in write(2) cannot
 * be ended, and the process would not end before it. A pipe or terminal is opened again, since all processes that have
 * inherited the open file share its O_NONBLOCK. A socket cannot be opened again; node:net sets the flag. A file has no
 * such flag.
 */
function withoutWaiting(fd: number): { fd: number; isPrompt: boolean } {
  const stat = fstatSync(fd);
  if (stat.isSocket()) {
    new Socket({ fd, readable: false, writable: true }).on('error', () => {});
    return { fd, isPrompt: true };
  }
  if (stat.isFile()) return { fd, isPrompt: false };
  try {
    const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY;
    return { fd: openSync(`/proc/self/fd/${fd}`, flags), isPrompt: true };
  } catch {
    return { fd, isPrompt: false }; // the pipe has no reader: each write fails at once, so it does not wait either
  }
}
