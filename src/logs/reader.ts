import { type FileHandle, readdir } from 'node:fs/promises';
import { openIfThere, type Piece, Segment } from './segment.js';

/** A place in a log: an offset in a segment. */
export interface Position {
  number: number;
  offset: number;
}

/** The oldest byte that there is, whatever its segment. */
export const OLDEST: Position = { number: 0, offset: 0 };

/**
 * Reads a log from a place on, at its own pace, while it grows and is rotated. It holds the directory itself: of an id that is
 * used again it does not see the new log. Errors of the file system are thrown as they are.
 */
export class LogReader {
  readonly #directory: FileHandle;
  readonly #path: string;
  #segment: Segment | null = null;
  /** Where to read next. */
  #at = OLDEST;
  #lost = false;

  private constructor(directory: FileHandle) {
    this.#directory = directory;
    this.#path = `/proc/self/fd/${directory.fd}`;
  }

  /** Opens the log in a directory, at its beginning; gives null where it has been removed. */
  static async open(directory: string): Promise<LogReader | null> {
    const handle = await openIfThere(directory);
    return handle === null ? null : new LogReader(handle);
  }

  async close(): Promise<void> {
    await this.#segment?.close();
    await this.#directory.close();
  }

  /** Goes to a place; what is in between was not lost. */
  async seek(position: Position): Promise<void> {
    await this.#segment?.close();
    this.#segment = null;
    this.#at = position;
  }

  /** The numbers of the segments that there are, the oldest first. */
  async numbers(): Promise<number[]> {
    const names = await readdir(this.#path);
    return names
      .filter((name) => name.endsWith('.log'))
      .map((name) => Number.parseInt(name, 10))
      .sort((a, b) => a - b);
  }

  /** Uses one segment, for looking around; gives undefined where it has been removed. */
  async withSegment<T>(number: number, use: (segment: Segment) => Promise<T>): Promise<T | undefined> {
    const segment = await Segment.open(this.#path, number);
    if (segment === null) return undefined;
    return await use(segment).finally(() => segment.close());
  }

  /** Reads the next bytes; gives none where there are none yet. */
  async read(): Promise<Piece[]> {
    while (this.#segment !== null || (await this.#enter())) {
      const pieces = await this.#readHere();
      if (pieces.length > 0) return pieces;
      if (!(await this.numbers()).some((number) => number > this.#at.number)) return [];
      const rest = await this.#readHere(); // a newer segment is begun when this one is complete
      if (rest.length > 0) return rest;
      await this.seek({ number: this.#at.number + 1, offset: 0 });
    }
    return [];
  }

  /** Whether something was rotated away before it could be read, since this was asked last. */
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

  /** Opens the segment to read next, or the oldest one left after it; gives false where there is none. */
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
