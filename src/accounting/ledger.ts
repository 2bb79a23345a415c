import { type FileHandle, mkdir, open, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crashPoint } from '../crash-point.js';
import { messageOf, NiwaError } from '../errors.js';
import { KnownRuns } from './known-runs.js';
import { LedgerReading, type Period } from './ledger-reading.js';
import { type Header, toLine, type UsageRecord } from './record.js';
import { findSegments, linesOf, type Segment, segmentPath } from './segment.js';

/** What was cut off when the ledger was opened: the path of the segment, and how much. */
export interface Torn {
  segment: string;
  bytes: number;
}

interface Waiting {
  record: UsageRecord;
  line: string;
  resolve(): void;
  reject(error: NiwaError): void;
}

const DIRECTORY_MODE = 0o750;
const FILE_MODE = 0o640;
const DEFAULT_SEGMENT_BYTES = 64 * 1024 * 1024;

/**
 * The usage records on disk: a directory of segments, a JSON line for each record, only ever appended to.
 *
 * A record is acknowledged when write and fdatasync have both succeeded; only then it counts.
 *
 * - What a crash leaves beyond that is at the end of the last segment. Whole lines there are as good as acknowledged: they are
 *   synced when the ledger is opened. The rest is cut off.
 * - A write that fails is taken back (ftruncate). Where that fails too, or where fdatasync failed (the kernel may have dropped
 *   the pages and call them clean), the segment is left, and the next one begins. Its header says how much of the one before
 *   counts, so whatever that holds beyond is never read, also if it comes to be on disk after all: a record that is appended
 *   again is there once.
 * - A segment begins with a header and a copy of the last interim record of each run that goes on, synced before anything else
 *   is written to it. So bills of a period can be made of the segments of that period, and the older ones put away.
 */
export class Ledger {
  /** What open() has cut off; null where all was whole. */
  readonly torn: Torn | null;
  readonly #directory: string;
  readonly #segmentBytes: number;
  readonly #segments: Segment[];
  readonly #runs: KnownRuns;
  /** The last segment; null where the next batch has to begin a new one. */
  #file: FileHandle | null;
  #waiting: Waiting[] = [];
  #committing: Promise<void> | null = null;
  #closed = false;

  private constructor(directory: string, segmentBytes: number, found: Found) {
    this.#directory = directory;
    this.#segmentBytes = segmentBytes;
    this.torn = found.torn;
    this.#segments = found.segments;
    this.#runs = found.runs;
    this.#file = found.file;
  }

  /**
   * Opens the ledger in a directory, making it where there is none. Nobody else may have it open.
   * @param options `segmentBytes`: a segment that has grown so large is followed by the next
   * @throws NiwaError HOST_ERROR
   */
  static async open(directory: string, { segmentBytes = DEFAULT_SEGMENT_BYTES } = {}): Promise<Ledger> {
    try {
      if ((await mkdir(directory, { recursive: true, mode: DIRECTORY_MODE })) !== undefined)
        await syncDirectory(dirname(directory));
      const ledger = new Ledger(directory, segmentBytes, await recover(directory));
      if (ledger.#file === null) await ledger.#begin();
      return ledger;
    } catch (error) {
      throw failure('open', directory, error);
    }
  }

  /**
   * Appends a record; when this has resolved, the record is on disk. Records that come while others are being synced wait, and
   * then share one write and one fdatasync.
   * @throws NiwaError HOST_ERROR; then the record is not in the ledger, and may be appended again
   */
  append(record: UsageRecord): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new NiwaError('HOST_ERROR', `the ledger ${this.#directory} is closed`);
      this.#waiting.push({ record, line: toLine({ record, carried: false }), resolve, reject });
      this.#committing ??= this.#commitAll();
    });
  }

  /** The last record of each run that has no final one. */
  unfinished(): UsageRecord[] {
    return [...this.#runs.going.values()];
  }

  /** Gives the records of a period, and those before it that differences need, see {@link LedgerReading}. */
  records(period: Period = { since: null, until: null }): LedgerReading {
    return new LedgerReading(this.#segments, period);
  }

  /** Waits for what is being written. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#committing;
    await this.#file?.close();
    this.#file = null;
  }

  async #commitAll(): Promise<void> {
    await null; // whoever appends in the same turn shares the first batch
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#commit(batch);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        const refusal = failure('write to', this.#segments.at(-1)?.path ?? this.#directory, error);
        for (const { reject } of batch) reject(refusal);
      }
    }
    this.#committing = null;
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    if (this.#file === null || this.#isFull()) await this.#begin();
    const segment = this.#last();
    const bytes = Buffer.from(batch.map(({ line }) => line).join(''));
    await this.#write(bytes);
    segment.size += bytes.length;
    for (const { record } of batch) {
      this.#runs.add({ record, carried: false });
      segment.earliest = earlierOf(segment.earliest, record.at);
    }
  }

  /** One that only carries over is not full, however much that is. */
  #isFull(): boolean {
    const { size, earliest } = this.#last();
    return size >= this.#segmentBytes && earliest !== null;
  }

  #last(): Segment {
    return this.#segments[this.#segments.length - 1] as Segment;
  }

  /** Writes all of it, or takes back what was written. @throws what node:fs throws */
  async #write(bytes: Buffer): Promise<void> {
    const file = this.#file as FileHandle;
    let written = false;
    try {
      await file.appendFile(bytes);
      crashPoint('record-appended');
      written = true;
      await file.datasync();
    } catch (error) {
      const cut = await file.truncate(this.#last().size).then(
        () => true,
        () => false,
      );
      if (written || !cut) await this.#leave(file);
      throw error;
    }
  }

  /** Writes no more to the last segment. One without records of its own is not kept: a bad disk would fill with them. */
  async #leave(file: FileHandle): Promise<void> {
    this.#file = null;
    await file.close().catch(() => {});
    const { path, earliest } = this.#last();
    if (earliest !== null) return;
    const removed = await rm(path).then(
      () => true,
      () => false,
    );
    if (removed) this.#segments.pop();
  }

  /** Begins the next segment with what it carries over. @throws what node:fs throws; then there is none */
  async #begin(): Promise<void> {
    const before = this.#segments.at(-1);
    const number = (before?.number ?? 0) + 1;
    const path = segmentPath(this.#directory, number);
    const header: Header | null =
      before === undefined
        ? null
        : {
            type: 'segment',
            previous_bytes: before.size,
            latest_at: this.#runs.latestAt,
            carried: this.#runs.going.size,
          };
    const carried = [...this.#runs.going.values()].map((record) => toLine({ record, carried: true }));
    const bytes = Buffer.from(header === null ? '' : [toLine({ header }), ...carried].join(''));
    const file = await open(path, 'ax', FILE_MODE);
    try {
      await file.appendFile(bytes);
      await file.datasync();
      await syncDirectory(this.#directory);
    } catch (error) {
      await file.close().catch(() => {});
      await rm(path, { force: true }).catch(() => {});
      throw error;
    }
    await this.#file?.close().catch(() => {}); // all of it is synced
    this.#file = file;
    this.#segments.push({ number, path, size: bytes.length, header, earliest: null });
    this.#runs.ended.clear();
  }
}

/** What open() finds. */
interface Found {
  segments: Segment[];
  /** The last segment; null where there is none. */
  file: FileHandle | null;
  runs: KnownRuns;
  torn: Torn | null;
}

/** Makes the ledger whole again: cuts off what a crash has torn, and syncs the rest. */
async function recover(directory: string): Promise<Found> {
  const segments = await findSegments(directory);
  let torn = await removeUnbegun(segments);
  const runs = new KnownRuns();
  const first = Math.max(
    0,
    segments.findLastIndex(({ header }) => header !== null),
  );
  let end = 0;
  for (const segment of segments.slice(first)) end = await learn(segment, runs);
  const last = segments.at(-1);
  if (last === undefined) return { segments, file: null, runs, torn };

  const file = await open(last.path, 'a', FILE_MODE);
  const { size } = await file.stat();
  if (size > end) {
    torn = { segment: last.path, bytes: size - end };
    await file.truncate(end);
  }
  last.size = end;
  await file.datasync();
  await syncDirectory(directory);
  return { segments, file, runs, torn };
}

/** Takes away a last segment in which a crash has torn what it carries over: nothing else was written to it yet. */
async function removeUnbegun(segments: Segment[]): Promise<Torn | null> {
  const last = segments.at(-1);
  if (last === undefined || segments.length === 1 || (await isBegun(last))) return null;
  await rm(last.path);
  segments.pop();
  return last.size === 0 ? null : { segment: last.path, bytes: last.size };
}

async function isBegun({ path, size, header }: Segment): Promise<boolean> {
  let carried = 0;
  for await (const lines of linesOf(path, size))
    for (const { entry } of lines) {
      if (entry === null || 'header' in entry) continue;
      if (!entry.carried) return true;
      carried++;
    }
  return header !== null && carried >= header.carried;
}

/** Reads a segment; gives the end of its last whole line. */
async function learn(segment: Segment, runs: KnownRuns): Promise<number> {
  let whole = 0;
  segment.earliest = null;
  for await (const lines of linesOf(segment.path, segment.size))
    for (const { entry, end } of lines) {
      if (entry === null) continue;
      whole = end;
      runs.add(entry);
      if ('record' in entry && !entry.carried) segment.earliest = earlierOf(segment.earliest, entry.record.at);
    }
  return whole;
}

function earlierOf(a: string | null | undefined, b: string): string {
  return a === null || a === undefined || b < a ? b : a;
}

/** Makes the names in a directory durable: fsync of a file does not. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

const CURES: Record<string, string> = {
  ENOSPC: 'its file system is full: free some space',
  EDQUOT: 'the disk quota is used up: free some space, or raise it',
  EROFS: 'its file system is mounted read-only, perhaps after an error: see dmesg, and remount it',
  EIO: 'the disk fails: see dmesg',
  EEXIST: 'a file that is no part of the ledger is in the way: move it',
  ENOENT: 'the directory was taken away: restart niwad',
};

function failure(action: string, path: string, error: unknown): NiwaError {
  const { code = '' } = error as NodeJS.ErrnoException;
  const cure = CURES[code];
  const text = `cannot ${action} the ledger ${path}: ${messageOf(error)}${cure === undefined ? '' : `; ${cure}`}`;
  return new NiwaError('HOST_ERROR', text, { cause: error });
}
