import { closeSync, ftruncateSync, mkdirSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { unlinkIfThere } from '../../host/directory.js';
import { isThere, readPatiently } from '../../host/stored-file.js';

/** A segment that has at least this many bytes is full: the next one begins. */
const SEGMENT_BYTES = 256 * 1024;
/** How many bytes more than twice the living lines the segments may have. */
const SPARE_BYTES = 1024 * 1024;
const SUFFIX = '.ndjson';
const NEWLINE = Buffer.from('\n');

/** A line that counts: the oldest segment goes only when its living lines are in a later one. */
export interface Place {
  /** Null if the segment has gone: another program has removed it. */
  segment: Segment | null;
  /** Where the line begins, in bytes. */
  offset: number;
  /** The length of the line with its newline. */
  bytes: number;
}

/** A file of lines. */
export interface Segment {
  number: number;
  bytes: number;
  living: Set<Place>;
}

/** The content of a segment that was found; null if it could not be read. */
export interface Content {
  segment: Segment;
  path: string;
  bytes: Buffer | null;
}

/**
 * Lines on disk, in a directory of segments. Lines are only appended, each by one write: a crash can cut the last line
 * only. A later process appends to a segment of its own, so that it never appends behind a cut line.
 *
 * What no longer counts is removed with the oldest segment, whose living lines are appended again before. So for a
 * moment they are there twice, and never less than once. The oldest segment always goes first: a line goes later than
 * all lines before it. All segments together have at most twice the bytes of the living lines, and a constant. An
 * append moves one segment at most, so that it takes less than a millisecond.
 */
export class Segments {
  readonly #directory: string;
  /** The oldest first. */
  #segments: Segment[] = [];
  #fd: number | null = null;
  #nextNumber = 1;
  #bytes = 0;
  #livingBytes = 0;

  /** Makes the directory where it is missing. @throws what node:fs throws */
  constructor(directory: string) {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    this.#directory = directory;
    this.#nextNumber = (this.#numbers().at(-1) ?? 0) + 1;
  }

  /**
   * Reads all segments, the oldest first. No line counts as living before {@link hold}.
   * @throws what node:fs throws if the directory cannot be read
   */
  async read(): Promise<Content[]> {
    this.#leave();
    const contents: Content[] = [];
    for (const number of this.#numbers()) {
      const path = this.#pathOf(number);
      const bytes = await readPatiently(path);
      contents.push({ segment: { number, bytes: bytes?.length ?? 0, living: new Set() }, path, bytes });
    }
    this.#segments = contents.map(({ segment }) => segment);
    this.#nextNumber = (this.#segments.at(-1)?.number ?? 0) + 1;
    this.#bytes = this.#segments.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#livingBytes = 0;
    return contents;
  }

  /** Appends a line, which counts until {@link drop}. @throws what node:fs throws; then the line is not there */
  append(line: string): Place {
    this.#tryToMoveOldest();
    const bytes = Buffer.from(line);
    const { segment, offset } = this.#write(bytes);
    return this.hold(segment, offset, bytes.length);
  }

  /** Counts a line as living. @param bytes its length with its newline */
  hold(segment: Segment, offset: number, bytes: number): Place {
    const place = { segment, offset, bytes };
    segment.living.add(place);
    this.#livingBytes += bytes;
    return place;
  }

  /** The line no longer counts. */
  drop(place: Place): void {
    if (place.segment?.living.delete(place)) this.#livingBytes -= place.bytes;
  }

  /** Removes a segment and all before it; their living lines are appended again. @throws what node:fs throws */
  renew(last: Segment): void {
    this.#leave();
    while ((this.#segments[0]?.number ?? Infinity) <= last.number) this.#moveOldest();
  }

  /**
   * Looks whether another program has removed segments; their lines are lost, and their places say so.
   * @returns whether any has gone
   * @throws what node:fs throws
   */
  findLost(): boolean {
    const lost = this.#segments.filter(({ number }) => !isThere(this.#pathOf(number)));
    if (lost.length === 0) return false;
    this.#leave();
    for (const { living, bytes } of lost) {
      for (const place of living) {
        place.segment = null;
        this.#livingBytes -= place.bytes;
      }
      living.clear();
      this.#bytes -= bytes;
    }
    this.#segments = this.#segments.filter((segment) => !lost.includes(segment));
    return true;
  }

  /** Tries it again with the next append where it fails, for example on a full disk. */
  #tryToMoveOldest(): void {
    if (this.#bytes <= 2 * this.#livingBytes + SPARE_BYTES) return;
    try {
      if (this.#segments.length === 1) this.#leave();
      this.#moveOldest();
    } catch {
      // the line itself may find room all the same
    }
  }

  #moveOldest(): void {
    const oldest = this.#segments[0];
    if (oldest === undefined) return;
    const places = [...oldest.living];
    if (places.length > 0) this.#move(places, readFileSync(this.#pathOf(oldest.number)));
    unlinkIfThere(this.#pathOf(oldest.number));
    this.#segments.shift();
    this.#bytes -= oldest.bytes;
  }

  /** @param content that of the segment in which the lines are */
  #move(places: readonly Place[], content: Buffer): void {
    const lines = places.flatMap(({ offset, bytes }) => [content.subarray(offset, offset + bytes - 1), NEWLINE]);
    const { segment, offset } = this.#write(Buffer.concat(lines));
    let next = offset;
    for (const place of places) {
      place.segment?.living.delete(place);
      segment.living.add(place);
      Object.assign(place, { segment, offset: next });
      next += place.bytes;
    }
  }

  /** Writes all the bytes, or nothing of them. */
  #write(bytes: Buffer): { segment: Segment; offset: number } {
    const { segment, fd } = this.#current();
    const offset = segment.bytes;
    try {
      for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
    } catch (error) {
      this.#cutTo(offset, fd);
      throw error;
    }
    segment.bytes += bytes.length;
    this.#bytes += bytes.length;
    return { segment, offset };
  }

  /** Gives the segment to which lines are appended; begins it where there is none, or it is full. */
  #current(): { segment: Segment; fd: number } {
    const last = this.#segments.at(-1);
    if (this.#fd !== null && last !== undefined && last.bytes < SEGMENT_BYTES) return { segment: last, fd: this.#fd };
    const number = this.#nextNumber;
    const fd = openSync(this.#pathOf(number), 'ax', 0o600);
    this.#leave();
    this.#fd = fd;
    this.#nextNumber++;
    const segment = { number, bytes: 0, living: new Set<Place>() };
    this.#segments.push(segment);
    return { segment, fd };
  }

  /** Removes a line that was written in part. Where that fails, too, the next line is in the next segment. */
  #cutTo(bytes: number, fd: number): void {
    try {
      ftruncateSync(fd, bytes);
    } catch {
      this.#leave();
    }
  }

  /** Nothing is appended to the last segment any more. */
  #leave(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }

  #numbers(): number[] {
    const names = readdirSync(this.#directory).filter((name) => /^[0-9]+\.ndjson$/.test(name));
    return names.map((name) => Number(name.slice(0, -SUFFIX.length))).sort((a, b) => a - b);
  }

  #pathOf(number: number): string {
    return join(this.#directory, `${String(number).padStart(8, '0')}${SUFFIX}`);
  }
}
