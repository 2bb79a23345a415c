import { constants, fstatSync, openSync, write } from 'node:fs';
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

/** So much may wait to be written; what comes beyond that is dropped. */
const MAX_WAITING_BYTES = 1024 * 1024;
const RETRY_MS = 50;
/** A disk that takes nothing is not asked as often as a pipe whose reader is slow. */
const FULL_RETRY_MS = 1000;

const writeTo = promisify(write);

/**
 * The log of niwad on a descriptor, for pino. Nobody ever waits for it: lines are kept until they can be written, and those for
 * which there is no room are dropped and counted. A full disk, a pipe without a reader or one that nobody reads is all the same.
 *
 * Not pino's own stream (sonic-boom): at the end of the process it tries for ever what a full disk refuses.
 */
export class LogStream {
  readonly #fd: number;
  readonly #tell: (lines: number) => void;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | null = null;
  #dropped = 0;
  #told = 0;

  /**
   * @param fd stays open and is the caller's
   * @param tell hears how many lines were dropped since the last time, once they can be written again
   */
  constructor(fd: number, tell: (lines: number) => void) {
    this.#fd = withoutWaiting(fd);
    this.#tell = tell;
  }

  /** How many lines were dropped so far. */
  get dropped(): number {
    return this.#dropped;
  }

  /** Takes a line with its end. */
  write(line: string): void {
    const bytes = Buffer.byteLength(line);
    if (this.#waitingBytes + bytes > MAX_WAITING_BYTES) {
      this.#dropped++;
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += bytes;
    this.#writing ??= this.#writeAll();
  }

  /** Waits until all is written, but no longer than `patienceMs`. */
  async flushed(patienceMs: number): Promise<void> {
    const patience = sleep(patienceMs);
    await Promise.race([this.#writing, patience]);
  }

  async #writeAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = Buffer.from(this.#waiting.join(''));
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
 * Gives a descriptor to the same end on which a write does not wait: a thread that waits in write(2) cannot be ended, and the end
 * of the process would wait for it. Pipes and terminals are opened anew, since O_NONBLOCK is shared with everybody who has
 * inherited the same open file; a socket cannot be opened anew, and node:net sets the flag. Files know no such flag.
 */
function withoutWaiting(fd: number): number {
  const stat = fstatSync(fd);
  if (stat.isSocket()) {
    new Socket({ fd, readable: false, writable: true }).on('error', () => {});
    return fd;
  }
  if (stat.isFile()) return fd;
  try {
    return openSync(`/proc/self/fd/${fd}`, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return fd; // a pipe that has no reader: each write fails at once
  }
}
