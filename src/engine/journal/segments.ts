import { closeSync, ftruncateSync, writeSync } from 'node:fs';
import { isChecked } from '../../host/checked-line.js';
import { SegmentFiles } from './files.js';

/** A segment that has at least this many bytes is full: the next one begins. */
const SEGMENT_BYTES = 256 * 1024;
/** Segments are removed while they have more bytes than twice the living lines and this. */
const SPARE_BYTES = 1024 * 1024;
const NEWLINE = Buffer.from('\n');

/** A line that counts: the oldest segment goes only when its living lines are in a later one. */
export interface Place {
  /** Null if the line is lost: another program has removed or changed it. */
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
  /** False if it was found, and could not be read. */
  isReadable: boolean;
}

/** The content of a segment that was found; null if it could not be read. */
export interface Content {
  segment: Segment;
  bytes: Buffer | null;
}

/**
 * Lines on disk, in a directory of segments. Lines are only appended, each by one write: a crash can cut the last line
 * only. A later process appends to a segment of its own, so that it never appends behind a cut line.
 *
 * What no longer counts is removed with the oldest segment, whose living lines are appended again before. So for a
 * moment they are there twice, and never less than once. The oldest segment always goes first: a line goes later than
 * all lines before it.
 *
 * The aim is that all segments together have at most twice the bytes of the living lines and {@link SPARE_BYTES}. An
 * append removes one segment at most, so that it stays short. So the segments have more bytes for as long as nothing is
 * appended, or the disk has no room for the lines of the oldest one.
 */
export class Segments {
  readonly #files: SegmentFiles;
  /** The oldest first. */
  #segments: Segment[] = [];
  #fd: number | null = null;
  #nextNumber = 1;
  #bytes = 0;
  #livingBytes = 0;
  /** Whether lines are lost, and {@link findLost} has not said so yet. */
  #hasLost = false;

  /**
   * @param directory for the segments; made where it is missing
   * @param aside the directory for segments that cannot be read; made when it is needed
   * @throws what node:fs throws
   */
  constructor(directory: string, aside: string) {
    this.#files = new SegmentFiles(directory, aside);
    this.#nextNumber = (this.#files.numbers().at(-1) ?? 0) + 1;
  }

  /**
   * Reads all segments, the oldest first. No line counts as living before {@link hold}.
   * @throws what node:fs throws if the directory cannot be read
   */
  async read(): Promise<Content[]> {
    this.#leave();
    const contents: Content[] = [];
    for (const number of this.#files.numbers()) {
      const bytes = await this.#files.readPatiently(number);
      const segment = { ...newSegment(number), bytes: bytes?.length ?? 0, isReadable: bytes !== null };
      contents.push({ segment, bytes });
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

  /**
   * Removes a segment and all before it; their living lines are appended again. Those that cannot be read are put
   * aside.
   * @throws what node:fs throws
   */
  renew(last: Segment): void {
    this.#leave();
    while ((this.#segments[0]?.number ?? Infinity) <= last.number) this.#moveOldest();
  }

  /**
   * Looks whether another program has removed or changed segments. Lines that are lost by that no longer live, and
   * their places say so.
   * @returns whether lines were lost since the last call
   * @throws what node:fs throws
   */
  findLost(): boolean {
    for (const segment of this.#segments) {
      const bytes = this.#files.bytesOf(segment.number);
      if (segment.isReadable && bytes !== segment.bytes) this.#loseAll(segment, bytes);
    }
    const hasLost = this.#hasLost;
    this.#hasLost = false;
    return hasLost;
  }

  /**
   * The segment stays in its place among the others: what is left in it must not outlive the line that says that a
   * container is forgotten.
   * @param bytes the size of the file now; 0 where it has gone
   */
  #loseAll(segment: Segment, bytes: number): void {
    this.#leave();
    this.#lose([...segment.living]);
    this.#bytes += bytes - segment.bytes;
    segment.bytes = bytes;
    this.#hasLost = true;
  }

  #lose(places: readonly Place[]): void {
    for (const place of places) {
      this.drop(place);
      place.segment = null;
    }
  }

  /**
   * Tries it again with the next append where it fails, for example on a full disk. Lost lines are written anew first.
   */
  #tryToMoveOldest(): void {
    if (this.#hasLost || this.#bytes <= 2 * this.#livingBytes + SPARE_BYTES) return;
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
    if (oldest.living.size > 0) this.#move(oldest);
    if (oldest.isReadable) this.#files.remove(oldest.number);
    else this.#files.putAside(oldest.number);
    this.#segments.shift();
    this.#bytes -= oldest.bytes;
  }

  /**
   * Appends the living lines of a segment again.
   * @throws what node:fs throws; an error where other programs have changed lines, which are lost then
   */
  #move({ number, bytes: length, living }: Segment): void {
    const content = this.#files.read(number);
    const textOf = ({ offset, bytes }: Place) => content.subarray(offset, offset + bytes - 1);
    const places = [...living];
    const changed = places.filter((place) => content.length !== length || !isChecked(textOf(place)));
    if (changed.length > 0) {
      this.#lose(changed);
      this.#hasLost = true;
      throw new Error(`${changed.length} lines of the journal were changed by another program`);
    }
    const { segment, offset } = this.#write(Buffer.concat(places.flatMap((place) => [textOf(place), NEWLINE])));
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
    let done = 0;
    try {
      while (done < bytes.length) done += writeSync(fd, bytes, done);
    } catch (error) {
      if (this.#tryToCut(offset, fd)) done = 0;
      else this.#leave();
      throw error;
    } finally {
      segment.bytes += done;
      this.#bytes += done;
    }
    return { segment, offset };
  }

  /** Gives the segment to which lines are appended; begins it where there is none, or it is full. */
  #current(): { segment: Segment; fd: number } {
    const last = this.#segments.at(-1);
    if (this.#fd !== null && last !== undefined && last.bytes < SEGMENT_BYTES) return { segment: last, fd: this.#fd };
    const segment = newSegment(this.#nextNumber);
    const fd = this.#files.create(segment.number);
    this.#leave();
    this.#fd = fd;
    this.#nextNumber++;
    this.#segments.push(segment);
    return { segment, fd };
  }

  /** Removes a line that was written in part. Where that fails, too, the next line goes to the next segment. */
  #tryToCut(bytes: number, fd: number): boolean {
    try {
      ftruncateSync(fd, bytes);
      return true;
    } catch {
      return false;
    }
  }

  /** Nothing is appended to the last segment any more. */
  #leave(): void {
    if (this.#fd !== null) closeSync(this.#fd);
    this.#fd = null;
  }
}

function newSegment(number: number): Segment {
  return { number, bytes: 0, living: new Set(), isReadable: true };
}
