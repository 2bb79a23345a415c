import { openSync, readSync } from 'node:fs';

/** More than any file of {@link OwnFile} has. */
const MOST_BYTES = 4096;
/**
 * For how long a reading counts. An operator may change what the file says at any time; each start of many in a row
 * need not look for that.
 */
const FRESH_MS = 100;

/**
 * A file of this process in /proc that is read at each start of a container. It stays open, because to open it takes
 * much longer than to read it: the kernel writes the text anew for each read from its beginning, see proc(5).
 */
export class OwnFile<T> {
  readonly #path: string;
  readonly #parse: (text: string) => T;
  readonly #bytes = Buffer.alloc(MOST_BYTES);
  #fd: number | null = null;
  /** What was read last, and what it says. */
  #last: { bytes: Buffer; value: T } | null = null;
  #readMs = 0;

  /**
   * @param name the file below /proc/self
   * @param parse gives what a text of the file says; called when the text has changed
   */
  constructor(name: string, parse: (text: string) => T) {
    this.#path = `/proc/self/${name}`;
    this.#parse = parse;
  }

  /**
   * Gives what the file says, or has said in the last 100 ms: the same value as before for the same text. Throws the
   * errors of the file system.
   */
  read(): T {
    const nowMs = performance.now();
    if (this.#last !== null && nowMs - this.#readMs < FRESH_MS) return this.#last.value;
    this.#readMs = nowMs;
    this.#fd ??= openSync(this.#path, 'r');
    const bytes = this.#bytes.subarray(0, readSync(this.#fd, this.#bytes, 0, MOST_BYTES, 0));
    if (this.#last?.bytes.equals(bytes) !== true)
      this.#last = { bytes: Buffer.from(bytes), value: this.#parse(bytes.toString('latin1')) };
    return this.#last.value;
  }
}
