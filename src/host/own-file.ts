import { openSync, readSync } from 'node:fs';

/** More than any file of {@link OwnFile} has. */
const MOST_BYTES = 4096;

/**
 * A file of this process in /proc that is read at each start of a container. It stays open, because to open it takes
 * much longer than to read it: the kernel writes the text anew for each read from its beginning, see proc(5).
 */
export class OwnFile {
  readonly #path: string;
  readonly #bytes = Buffer.alloc(MOST_BYTES);
  #fd: number | null = null;

  /** @param name the file below /proc/self */
  constructor(name: string) {
    this.#path = `/proc/self/${name}`;
  }

  /** Gives the text that the file has now. Throws the errors of the file system. */
  read(): string {
    this.#fd ??= openSync(this.#path, 'r');
    return this.#bytes.toString('latin1', 0, readSync(this.#fd, this.#bytes, 0, MOST_BYTES, 0));
  }
}
