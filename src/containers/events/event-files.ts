import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RuntimeEvent } from '../../protocol/events.js';

/** An event, and the line of JSON that stores and sends the event. */
export interface Entry {
  event: RuntimeEvent;
  text: string;
}

/**
 * How much is kept on disk: the number of segments, and how many bytes or events fill a segment, after which the next
 * segment begins.
 */
export interface FileLimits {
  segments: number;
  segmentBytes: number;
  segmentEvents: number;
}

/**
 * A file of events: DIRECTORY/0000000000000001.ndjson. The name is the smallest sequence number that the file can
 * contain.
 */
interface Segment {
  readonly first: number;
  readonly path: string;
  /** How many bytes of the file are whole events. */
  size: number;
  events: number;
}

/** The size of one read: parsing one chunk does not hold up the event loop. */
const CHUNK_BYTES = 64 * 1024;
const DIRECTORY_MODE = 0o750;
const FILE_MODE = 0o640;
/** After a start, niwad looks for the ends of containers in this many of the last segments. */
const RECENT_SEGMENTS = 2;

/**
 * The newest events on disk. Threads of Node.js write them, never the event loop. A segment is synced when it is full:
 * events survive the death of niwad as soon as they are written, and the death of the machine a little later.
 */
export class EventFiles {
  readonly #directory: string;
  readonly #limits: FileLimits;
  readonly #segments: Segment[] = [];
  /** The last segment, open; null if the next event has to begin a new segment. */
  #file: FileHandle | null = null;

  constructor(directory: string, limits: FileLimits) {
    this.#directory = directory;
    this.#limits = limits;
  }

  /**
   * Finds the segments that an earlier daemon has written; to be called once, before any other method. A torn last line
   * is cut off. No file is made, so that a full disk does not stop niwad from taking over its containers.
   * @returns the last sequence number that is known to be used, 0 if there is none
   * @throws the errors of node:fs
   */
  async open(): Promise<number> {
    for (const name of (await namesIn(this.#directory)).sort()) {
      const [, first] = /^([0-9]{16})\.ndjson$/.exec(name) ?? [];
      if (first === undefined) continue;
      const path = join(this.#directory, name);
      this.#segments.push({ first: Number(first), path, size: await sizeOf(path), events: 0 });
    }
    const last = this.#segments.at(-1);
    if (last === undefined) return 0;
    // If the last segment cannot be read, it stays unchanged. The next segment then begins behind every number that the
    // last one can contain.
    return await this.#goOn(last).catch(() => last.first + this.#limits.segmentBytes);
  }

  /**
   * Writes events behind the stored events. @throws the errors of node:fs; then none of these events is stored, and the
   * caller may write them again
   */
  async append(entries: readonly Entry[]): Promise<void> {
    const [first] = entries;
    if (first === undefined) return;
    if (this.#file === null || this.#isFull()) await this.#begin(first.event.seq);
    const [file, segment] = [this.#file as FileHandle, this.#segments.at(-1) as Segment];
    const bytes = Buffer.from(entries.map(({ text }) => text).join(''));
    try {
      for (let done = 0; done < bytes.length; )
        done += (await file.write(bytes, done, bytes.length - done, segment.size + done)).bytesWritten;
    } catch (error) {
      // a partly written event would stay behind a later, shorter write
      await file.truncate(segment.size).catch(() => {});
      throw error;
    }
    segment.size += bytes.length;
    segment.events += entries.length;
  }

  /**
   * Gives the stored events behind a sequence number, in order, in pieces, including the events that are written during
   * the reading. Events that cannot be read are left out, so their numbers are missing.
   */
  async *read(after: number): AsyncGenerator<Entry[]> {
    let segment = this.#segments.findLast(({ first }) => first <= after + 1) ?? this.#segments[0];
    while (segment !== undefined) {
      const { first } = segment;
      try {
        for await (const { lines } of linesOf(segment))
          yield lines.filter((line) => numberOf(line) > after).flatMap(entriesOf);
      } catch {
        // the segment was removed meanwhile as the oldest of too many, or the disk fails
      }
      segment = this.#segments.find((one) => one.first > first);
    }
  }

  /** Gives the newest stored events, see {@link read}. */
  readRecent(): AsyncGenerator<Entry[]> {
    return this.read((this.#segments.at(-RECENT_SEGMENTS)?.first ?? 1) - 1);
  }

  /** Syncs and closes the last segment. @throws the errors of node:fs */
  async close(): Promise<void> {
    const file = this.#file;
    this.#file = null;
    if (file === null) return;
    try {
      await file.datasync();
    } finally {
      await file.close();
    }
  }

  /**
   * Opens the last segment for writing behind its last whole line; gives the last sequence number in the segment.
   * @throws the errors of node:fs
   */
  async #goOn(last: Segment): Promise<number> {
    let number = last.first - 1;
    let whole = 0;
    for await (const { lines, end } of linesOf(last)) {
      last.events += lines.length;
      number = Math.max(number, ...lines.map(numberOf));
      whole = end;
    }
    const file = await open(last.path, 'r+');
    await file.truncate(whole);
    last.size = whole;
    this.#file = file;
    return number;
  }

  #isFull(): boolean {
    const { size = 0, events = 0 } = this.#segments.at(-1) ?? {};
    return size >= this.#limits.segmentBytes || events >= this.#limits.segmentEvents;
  }

  async #begin(first: number): Promise<void> {
    await this.close();
    await mkdir(this.#directory, { recursive: true, mode: DIRECTORY_MODE });
    const path = join(this.#directory, `${String(first).padStart(16, '0')}.ndjson`);
    this.#file = await open(path, 'w', FILE_MODE);
    this.#segments.push({ first, path, size: 0, events: 0 });
    const surplus = this.#segments.splice(0, Math.max(0, this.#segments.length - this.#limits.segments));
    for (const segment of surplus) await rm(segment.path, { force: true }).catch(() => {});
  }
}

/** Gives the names of the files in a directory; none if the directory does not exist. */
async function namesIn(directory: string): Promise<string[]> {
  return await readdir(directory).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw error;
  });
}

async function sizeOf(path: string): Promise<number> {
  const file = await open(path, 'r');
  try {
    return (await file.stat()).size;
  } finally {
    await file.close();
  }
}

/**
 * Reads the whole lines of a segment in chunks, including the lines that are written during the reading. Other tasks
 * run between two chunks.
 * @returns lines without their line ends, and the offset of the next line
 * @throws the errors of node:fs
 */
async function* linesOf(segment: Segment): AsyncGenerator<{ lines: string[]; end: number }> {
  const file = await open(segment.path, 'r');
  try {
    let begun = '';
    let end = 0;
    for (let offset = 0; offset < segment.size; ) {
      const wanted = Math.min(CHUNK_BYTES, segment.size - offset);
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(wanted), 0, wanted, offset);
      if (bytesRead === 0) return;
      offset += bytesRead;
      // latin1 turns each byte into one character: a chunk may end inside a UTF-8 character of several bytes.
      const lines = (begun + buffer.toString('latin1', 0, bytesRead)).split('\n');
      begun = lines.pop() ?? '';
      end = offset - begun.length;
      yield { lines: lines.map((line) => Buffer.from(line, 'latin1').toString()), end };
    }
  } finally {
    await file.close();
  }
}

/** Gives the sequence number of an event without parsing the line; -1 if the line is damaged. */
function numberOf(line: string): number {
  return Number(/^\{"seq":([0-9]{1,15}),/.exec(line)?.[1] ?? -1);
}

function entriesOf(line: string): Entry[] {
  try {
    return [{ event: JSON.parse(line) as RuntimeEvent, text: `${line}\n` }];
  } catch {
    return []; // a damaged line is left out
  }
}
