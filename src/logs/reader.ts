import { type FileHandle, readdir } from 'node:fs/promises';
import { openIfThere, type Piece, Segment } from './segment.js';

/** A place in a log: an offset in a segment. */
export interface Position {
  number: number;
  offset: number;
}

/** The place of the oldest byte, in whichever segment that is. */
export const OLDEST: Position = { number: 0, offset: 0 };

/**
 * Reads a log from a place on, as fast as its caller asks, while the log grows and is rotated. It holds the directory
 * open. So when the id is used again for a new container, the reader does not read the new log. Errors of the file
 * system are thrown as they are.
 */
export class LogReader {
  readonly #directory: FileHandle;
  readonly #path: string;
  #segment: Segment | null = null;
  /** The place of the next byte to read. */
  #at = OLDEST;
  #lost = false;

  private constructor(directory: FileHandle) {
    this.#directory = directory;
    this.#path = `/proc/self/fd/${directory.fd}`;
  }

  /** Opens the log in a directory, at its beginning; gives null where the log has been removed. */
  static async open(directory: string): Promise<LogReader | null> {
    const handle = await openIfThere(directory);
    return handle === null ? null : new LogReader(handle);
  }

  async close(): Promise<void> {
    await this.#segment?.close();
    await this.#directory.close();
  }

  /** Goes to a place. The bytes that are skipped by this do not count as lost. */
  async seek(position: Position): Promise<void> {
    await this.#segment?.close();
    this.#segment = null;
    this.#at = position;
  }

  /** Gives the numbers of the segments, the oldest first. */
  async numbers(): Promise<number[]> {
    const names = await readdir(this.#path);
    return names
      .filter((name) => name.endsWith('.log'))
      .map((name) => Number.parseInt(name, 10))
      .sort((a, b) => a - b);
  }

  /** Calls `use` with a segment, without moving this reader; gives undefined where the segment has been removed. */
  async withSegment<T>(number: number, use: (segment: Segment) => Promise<T>): Promise<T | undefined> {
    const segment = await Segment.open(this.#path, number);
    if (segment === null) return undefined;
    return await use(segment).finally(() => segment.close());
  }

  /** Reads the next bytes; gives an empty list where there are none yet. */
  async read(): Promise<Piece[]> {
    while (this.#segment !== null || (await this.#enter())) {
      const pieces = await this.#readHere();
      if (pieces.length > 0) return pieces;
      if (!(await this.numbers()).some((number) => number > this.#at.number)) return [];
      // the next segment is begun only when this one is complete: so this is its rest
      const rest = await this.#readHere();
      if (rest.length > 0) return rest;
      await this.seek({ number: this.#at.number + 1, offset: 0 });
    }
    return [];
  }

  /** Says whether output was rotated away before this reader had read it, since the last call. */
  takeLost(): boolean {
    const lost = this.#lost;
    this.#lost = false;
    return lost;
  }

  async #readHere(): Promise<Piece[]> {
    const pieces = (await this.#segment?.read(this.#at.offset)) ?? [];
    const last = pieces.at(-1);
    if (last !== undefined) this.#at = { ...this.#at, offset: last.offset + last.data.length };
    return pieces;
  }

  /**
   * Opens the segment to read next; where that was removed, the oldest one after it. Gives false where there is none.
   */
  async #enter(): Promise<boolean> {
    for (const number of await this.numbers()) {
      if (number < this.#at.number) continue;
      if (this.#at.number > 0 && number > this.#at.number) this.#lost = true;
      if (number > this.#at.number) this.#at = { number, offset: 0 };
      this.#segment = await Segment.open(this.#path, number);
      if (this.#segment !== null) return true;
    }
    return false;
  }
}
