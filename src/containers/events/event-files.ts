import { type FileHandle, mkdir, open, readdir, rm, stat } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Exit } from '../../protocol/container.js';
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

/** What earlier daemons have told, as far as a new daemon has to know it. */
export interface Earlier {
  /** The last sequence number that is known to be used, 0 if there is none. */
  last: number;
  /** The time of the oldest event in the last segments; null if they have no event. */
  oldest: string | null;
  /** The ends of containers in the last segments, as {@link endName} writes them. */
  ends: Set<string>;
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
const SEGMENT_NAME = /^[0-9]{16}\.ndjson$/;
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
   * @throws the errors of node:fs
   */
  async open(): Promise<Earlier> {
    const names = (await namesIn(this.#directory)).filter((name) => SEGMENT_NAME.test(name)).sort();
    this.#segments.push(...(await Promise.all(names.map((name) => segmentOf(join(this.#directory, name))))));
    const earlier: Earlier = { last: 0, oldest: null, ends: new Set() };
    for (const segment of this.#segments.slice(-RECENT_SEGMENTS, -1)) await survey(segment, earlier).catch(() => {});
    const last = this.#segments.at(-1);
    // If the last segment cannot be read, it stays unchanged. The next segment then begins behind every number that the
    // last one can contain.
    if (last !== undefined)
      await this.#goOn(last, earlier).catch(() => {
        earlier.last = last.first + this.#limits.segmentBytes;
      });
    return earlier;
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
   * Opens the last segment for writing behind its last whole line.
   * @throws the errors of node:fs
   */
  async #goOn(last: Segment, earlier: Earlier): Promise<void> {
    await survey(last, earlier);
    const file = await open(last.path, 'r+');
    await file.truncate(last.size);
    this.#file = file;
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

/** @throws the errors of node:fs */
async function segmentOf(path: string): Promise<Segment> {
  return { first: Number(basename(path, '.ndjson')), path, size: (await stat(path)).size, events: 0 };
}

/**
 * Looks through a segment of an earlier daemon, and adds what it finds to `earlier`. Only the lines of ends are parsed:
 * niwad listens when this is done.
 * @throws the errors of node:fs
 */
async function survey(segment: Segment, earlier: Earlier): Promise<void> {
  earlier.last = segment.first - 1;
  let whole = 0;
  for await (const { lines, end } of linesOf(segment)) {
    segment.events += lines.length;
    whole = end;
    earlier.last = Math.max(earlier.last, lastNumberIn(lines));
    for (const line of lines) {
      if (earlier.oldest !== null && !line.includes('"type":"exit"')) continue;
      for (const { event } of entriesOf(line)) {
        earlier.oldest ??= event.at;
        if (event.type === 'exit') earlier.ends.add(endName(event.id, event.exit));
      }
    }
  }
  segment.size = whole;
}

/** A name for the end of a container. The id alone does not suffice, because a later container may have the same id. */
export function endName(id: string, { at }: Pick<Exit, 'at'>): string {
  return `${id} ${at}`;
}

/**
 * Reads the whole lines of a segment in chunks, including the lines that are written during the reading. Other tasks
 * run between two chunks.
 * @returns lines without their line ends, each byte as one character, and the offset of the next line
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
      yield { lines, end };
    }
  } finally {
    await file.close();
  }
}

/** Gives the sequence number of the last of some events, which has the greatest; -1 where all lines are damaged. */
function lastNumberIn(lines: readonly string[]): number {
  const last = lines.findLast((line) => numberOf(line) >= 0);
  return last === undefined ? -1 : numberOf(last);
}

/** Gives the sequence number of an event without parsing the line; -1 if the line is damaged. */
function numberOf(line: string): number {
  return Number(/^\{"seq":([0-9]{1,15}),/.exec(line)?.[1] ?? -1);
}

/** Parses a line whose bytes are one character each. */
function entriesOf(bytes: string): Entry[] {
  try {
    const line = Buffer.from(bytes, 'latin1').toString();
    return [{ event: JSON.parse(line) as RuntimeEvent, text: `${line}\n` }];
  } catch {
    return []; // a damaged line is left out
  }
}
