import { type FileHandle, open } from 'node:fs/promises';
import type { StreamName } from '../protocol/logs.js';
import { ENTRY_BYTES, type Entry, parseEntries } from './entry.js';

/** Bytes of one stream that came at one time. */
export interface Piece {
  usec: number;
  stream: StreamName;
  /** The offset of the first byte in the segment. */
  offset: number;
  data: Buffer;
}

const PIECE_BYTES = 64 * 1024;
const BLOCK_ENTRIES = 256;

/**
 * One file of a log, with its index. The files may grow or be removed while they are open. Errors of the file system
 * are thrown as they are.
 */
export class Segment {
  readonly number: number;
  readonly #log: FileHandle;
  readonly #index: FileHandle;
  /**
   * The number of an index entry at or before the last offset that was read. The search for the next offset begins
   * there.
   */
  #near = 0;

  private constructor(number: number, log: FileHandle, index: FileHandle) {
    this.number = number;
    this.#log = log;
    this.#index = index;
  }

  /** Opens a segment; gives null where its files have been removed. */
  static async open(directory: string, number: number): Promise<Segment | null> {
    const path = `${directory}/${String(number).padStart(8, '0')}`;
    const log = await openIfThere(`${path}.log`);
    const index = log === null ? null : await openIfThere(`${path}.idx`);
    if (log !== null && index !== null) return new Segment(number, log, index);
    await log?.close();
    return null;
  }

  async close(): Promise<void> {
    await Promise.all([this.#log.close(), this.#index.close()]);
  }

  async size(): Promise<number> {
    return (await this.#log.stat()).size;
  }

  /** Gives the time of the first byte; null where the segment is empty. */
  async firstUsec(): Promise<number | null> {
    return (await this.#entries(0, 1))[0]?.usec ?? null;
  }

  /** Gives the offset of the first byte that came at this time or later; the size of the segment where no byte did. */
  async offsetSince(usec: number): Promise<number> {
    const size = await this.size();
    const index = await this.#firstEntry((entry) => entry.usec >= usec);
    return Math.min(size, (await this.#entries(index, 1))[0]?.offset ?? size);
  }

  /** Reads up to 64 KiB from an offset on; gives an empty list at the end. */
  async read(offset: number, end = Number.POSITIVE_INFINITY): Promise<Piece[]> {
    // before the index is read: the addon writes a byte's entry before the byte
    const { size, mtimeMs } = await this.#log.stat();
    if (offset >= Math.min(size, end)) return [];
    const { entries, more } = await this.#entriesFrom(offset);
    const known = more ? (entries.at(-1)?.offset ?? size) : size;
    const stop = Math.min(known, size, end, offset + PIECE_BYTES);
    const data = await readFully(this.#log, offset, stop - offset);
    // After a crash of the machine, the log may be on disk without its index: then the file's own time is given.
    if (entries.length === 0) entries.push({ usec: Math.floor(mtimeMs * 1000), stream: 'stdout', offset });
    return entries
      .map((entry, i) => {
        const from = i === 0 ? offset : entry.offset;
        const to = Math.min(entries[i + 1]?.offset ?? stop, stop);
        return { ...entry, offset: from, data: data.subarray(from - offset, Math.max(from, to) - offset) };
      })
      .filter((piece) => piece.data.length > 0);
  }

  /** Gives entries; the first is the entry of the byte at this offset. `more`: there may be further entries. */
  async #entriesFrom(offset: number): Promise<{ entries: Entry[]; more: boolean }> {
    let block = await this.#entries(this.#near, BLOCK_ENTRIES);
    let passed = block.filter((entry) => entry.offset <= offset).length - 1;
    if (passed < 0 || passed === BLOCK_ENTRIES - 1) {
      this.#near = Math.max(0, (await this.#firstEntry((entry) => entry.offset > offset)) - 1);
      block = await this.#entries(this.#near, BLOCK_ENTRIES);
      passed = 0;
    }
    this.#near += passed;
    return { entries: block.slice(passed), more: block.length === BLOCK_ENTRIES };
  }

  /**
   * Finds the first entry for which `holds`, as for all later ones; gives the number of entries where it holds for
   * none.
   */
  async #firstEntry(holds: (entry: Entry) => boolean): Promise<number> {
    let low = 0;
    let high = Math.floor((await this.#index.stat()).size / ENTRY_BYTES);
    while (low < high) {
      const middle = Math.floor((low + high) / 2);
      const [entry] = await this.#entries(middle, 1);
      if (entry === undefined || holds(entry)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  async #entries(first: number, count: number): Promise<Entry[]> {
    return parseEntries(await readFully(this.#index, first * ENTRY_BYTES, count * ENTRY_BYTES));
  }
}

/** Opens a file or a directory for reading; gives null where it does not exist. */
export async function openIfThere(path: string): Promise<FileHandle | null> {
  try {
    return await open(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}

/** Reads `length` bytes; gives fewer only where the file ends. */
async function readFully(file: FileHandle, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let done = 0;
  while (done < length) {
    const { bytesRead } = await file.read(buffer, done, length - done, position + done);
    if (bytesRead === 0) break;
    done += bytesRead;
  }
  return buffer.subarray(0, done);
}
