import { appendFile, readFile, rename, rm, stat, truncate } from 'node:fs/promises';
import { Turns } from '../turns/turns.js';

/**
 * Values that are added to a file of bounded size, a line of JSON for each. Nothing is synced: they may be lost. A
 * file that is full becomes `PATH.old`, and a new one is begun. Each line begins with its line end, so a line that a
 * crash has cut damages no other.
 */
export class LineFile {
  readonly #path: string;
  readonly #maxBytes: number;
  readonly #turns = new Turns(1);
  /** The lines that are not written yet, and how many bytes they have. */
  #waiting: string[] = [];
  #waitingBytes = 0;
  #isRemoved = false;

  /** @param maxBytes the size of the file; `PATH.old` has as much */
  constructor(path: string, maxBytes: number) {
    this.#path = path;
    this.#maxBytes = maxBytes;
  }

  /** Adds a value, which {@link flush} writes. What a broken disk does not take is kept up to the size of the file. */
  add(value: unknown): void {
    const line = `\n${JSON.stringify(value)}`;
    this.#waiting.push(line);
    this.#waitingBytes += Buffer.byteLength(line);
    this.#dropOldest();
  }

  /** Writes what was added. Throws the errors of the file system; then it is written by a later call. */
  async flush(): Promise<void> {
    if (this.#waiting.length === 0 || this.#isRemoved) return;
    await this.#turns.run(async () => {
      const lines = this.#waiting;
      this.#keep([]);
      try {
        await this.#append(lines.join(''));
      } catch (error) {
        this.#keep([...lines, ...this.#waiting]);
        throw error;
      }
    });
  }

  /** Gives the values, the oldest first. Lines that are damaged are left out. Throws the errors of the file system. */
  async read(): Promise<unknown[]> {
    return await this.#turns.run(async () => {
      const older = await textOf(`${this.#path}.old`);
      const newer = await textOf(this.#path);
      return [...`${older}\n${newer}`.split('\n'), ...this.#waiting].flatMap(parsed);
    });
  }

  /** Removes the file; nothing is written any more. Throws the errors of the file system. */
  async remove(): Promise<void> {
    this.#isRemoved = true;
    await this.#turns.run(async () => {
      await rm(this.#path, { force: true });
      await rm(`${this.#path}.old`, { force: true });
    });
  }

  #keep(lines: string[]): void {
    this.#waiting = lines;
    this.#waitingBytes = lines.reduce((sum, line) => sum + Buffer.byteLength(line), 0);
    this.#dropOldest();
  }

  /** Keeps the newest of the lines that fit into one file. */
  #dropOldest(): void {
    while (this.#waitingBytes > this.#maxBytes) this.#waitingBytes -= Buffer.byteLength(this.#waiting.shift() ?? '');
  }

  async #append(text: string): Promise<void> {
    if (this.#isRemoved || text === '') return;
    const size = await sizeOf(this.#path);
    const isFull = size + Buffer.byteLength(text) > this.#maxBytes;
    if (isFull && size > 0) await rename(this.#path, `${this.#path}.old`);
    try {
      await appendFile(this.#path, text, { mode: 0o600 });
    } catch (error) {
      // a part may be there: it is written again as a whole
      await truncate(this.#path, isFull ? 0 : size).catch(() => {});
      throw error;
    }
  }
}

function parsed(line: string): unknown[] {
  try {
    return [JSON.parse(line)];
  } catch {
    return [];
  }
}

async function textOf(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(orIfMissing(''));
}

async function sizeOf(path: string): Promise<number> {
  return await stat(path).then(({ size }) => size, orIfMissing(0));
}

function orIfMissing<T>(value: T): (error: NodeJS.ErrnoException) => T {
  return (error) => {
    if (error.code === 'ENOENT') return value;
    throw error;
  };
}
