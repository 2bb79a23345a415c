import { type FileHandle, open, readFile } from 'node:fs/promises';
import { messageOf, NiwaError } from '../errors.js';
import type { UsageRecord } from './record.js';

/** The file of usage records, a JSON line each, only ever appended to. */
export class Ledger {
  readonly #file: FileHandle;
  readonly #path: string;
  #last: Promise<unknown> = Promise.resolve();
  /** Whether the file ends in the middle of a line: a write failed half-way, or the machine died in one. */
  #torn: boolean;

  private constructor(file: FileHandle, path: string, torn: boolean) {
    this.#file = file;
    this.#path = path;
    this.#torn = torn;
  }

  /**
   * Opens the ledger, making it where there is none.
   * @throws NiwaError HOST_ERROR
   */
  static async open(path: string): Promise<Ledger> {
    try {
      const file = await open(path, 'a+', 0o640);
      return new Ledger(file, path, await isTorn(file));
    } catch (error) {
      throw new NiwaError('HOST_ERROR', `cannot open the ledger ${path}: ${messageOf(error)}`, { cause: error });
    }
  }

  /**
   * Appends a record; when this has resolved, the record is on disk.
   * @throws NiwaError HOST_ERROR
   */
  async append(record: UsageRecord): Promise<void> {
    try {
      await this.#write(`${JSON.stringify(record)}\n`);
      await this.#file.datasync();
    } catch (error) {
      throw new NiwaError('HOST_ERROR', `cannot write to the ledger ${this.#path}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  async *records(_period: { since?: Date; until?: Date } = {}): AsyncGenerator<UsageRecord> {
    for (const line of (await readFile(this.#path, 'utf8')).split('\n').filter(Boolean))
      yield JSON.parse(line) as UsageRecord;
  }

  async close(): Promise<void> {
    await this.#file.close();
  }

  /** One after another: Node.js writes a long line in parts. */
  #write(line: string): Promise<void> {
    const written = this.#last.then(async () => {
      const text = this.#torn ? `\n${line}` : line;
      this.#torn = true;
      await this.#file.appendFile(text);
      this.#torn = false;
    });
    this.#last = written.catch(() => {});
    return written;
  }
}

async function isTorn(file: FileHandle): Promise<boolean> {
  const { size } = await file.stat();
  if (size === 0) return false;
  const { buffer } = await file.read(Buffer.alloc(1), 0, 1, size - 1);
  return buffer.toString() !== '\n';
}
