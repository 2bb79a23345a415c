import { type FileHandle, mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RuntimeEvent } from '../../protocol/events.js';

/** An event, and the line of JSON in which it is stored and sent. */
export interface Entry {
  event: RuntimeEvent;
  text: string;
}

/** How much is kept: so many segments, each of which is followed by the next when it has so many bytes or events. */
export interface FileLimits {
  segments: number;
  segmentBytes: number;
  segmentEvents: number;
}

/** A file of events: DIRECTORY/0000000000000001.ndjson, named by the first number that it may have. */
interface Segment {
  readonly first: number;
  readonly path: string;
  /** How much of it counts. */
  size: number;
  events: number;
}

/** So small that parsing one does not hold up the daemon. */
const CHUNK_BYTES = 64 * 1024;
const DIRECTORY_MODE = 0o750;
const FILE_MODE = 0o640;
/** The ends of containers that are looked for after a start are in so many of the last segments. */
const RECENT_SEGMENTS = 2;

/**
 * The newest events on disk. They are written by threads of Node.js, never on the event loop, and synced when a segment is full:
 * they survive the death of niwad at once, that of the machine a little later.
 */
export class EventFiles {
  readonly #directory: string;
  readonly #limits: FileLimits;
  readonly #segments: Segment[] = [];
  /** The last segment, open; null where the next event has to begin a new one. */
  #file: FileHandle | null = null;

  constructor(directory: string, limits: FileLimits) {
    this.#directory = directory;
    this.#limits = limits;
  }

  /**
   * Finds what an earlier daemon has written; to be called once, before anything else. A torn last line is cut off. Nothing is made:
   * a full disk keeps no daemon from its containers.
   * @returns the last number that is known to be used, 0 where there is none
   * @throws what node:fs throws
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
    // A segment that the disk does not give any more is left as it is, and the next one begins behind all that it may have.
    return await this.#goOn(last).catch(() => last.first + this.#limits.segmentBytes);
  }

  /** Writes events behind those that are there. @throws what node:fs throws; then none of them is there, and may be written again */
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
      await file.truncate(segment.size).catch(() => {}); // else the next write goes over it
      throw error;
    }
    segment.size += bytes.length;
    segment.events += entries.length;
  }

  /**
   * Gives what is kept behind a number, in order, some at a time, up to what is written when it gets there. What cannot be read is
   * left out: its numbers are missing.
   */
  async *read(after: number): AsyncGenerator<Entry[]> {
    let segment = this.#segments.findLast(({ first }) => first <= after + 1) ?? this.#segments[0];
    while (segment !== undefined) {
      const { first } = segment;
      try {
        for await (const { lines } of linesOf(segment))
          yield lines.filter((line) => numberOf(line) > after).flatMap(entriesOf);
      } catch {
        // removed meanwhile, as the oldest of too many; or the disk fails
      }
      segment = this.#segments.find((one) => one.first > first);
    }
  }

  /** Gives the newest of what is kept, see {@link read}. */
  readRecent(): AsyncGenerator<Entry[]> {
    return this.read((this.#segments.at(-RECENT_SEGMENTS)?.first ?? 1) - 1);
  }

  /** Puts all on disk, and closes it. @throws what node:fs throws */
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

  /** Opens the last segment to write behind its last whole line; gives the last number in it. @throws what node:fs throws */
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

/** Gives the names of the files of a directory, none where it is not there. */
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
 * Reads the whole lines of a segment, many at a time, up to what is written when it gets there; other things are done between.
 * @returns lines without their ends, and where the next one begins
 * @throws what node:fs throws
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
      // Bytes as characters: a chunk may end within a character of several bytes.
      const lines = (begun + buffer.toString('latin1', 0, bytesRead)).split('\n');
      begun = lines.pop() ?? '';
      end = offset - begun.length;
      yield { lines: lines.map((line) => Buffer.from(line, 'latin1').toString()), end };
    }
  } finally {
    await file.close();
  }
}

/** Gives the number of an event without parsing its line, -1 where the line is damaged. */
function numberOf(line: string): number {
  return Number(/^\{"seq":([0-9]{1,15}),/.exec(line)?.[1] ?? -1);
}

function entriesOf(line: string): Entry[] {
  try {
    return [{ event: JSON.parse(line) as RuntimeEvent, text: `${line}\n` }];
  } catch {
    return []; // damaged
  }
}
