import { rm } from 'node:fs/promises';
import { NiwaError } from '../errors.js';
import type { UsageRecord } from '../protocol/record.js';
import { crashPoint } from '../test-hooks/crash-point.js';
import { type Begun, beginSegment, cutTo } from './begin-segment.js';
import type { KnownRuns } from './known-runs.js';
import { failure } from './ledger-failure.js';
import { LedgerReading, type Period } from './ledger-reading.js';
import { earlierOf, type Found, recover, type Torn } from './ledger-recovery.js';
import { type Header, toLine } from './record.js';
import type { Segment } from './segment.js';
import { makeDirectory, type Named, type SegmentFile } from './segment-file.js';

/** A segment that somebody took away or changed while niwad wrote to it. */
export interface Lost {
  /** Its path. */
  segment: string;
  /** `gone`: the path names nothing or another file; `changed`: the file was cut, or written to. */
  what: 'gone' | 'changed';
  /** The segment that goes on. */
  next: string;
  /** How many acknowledged bytes are lost: neither a segment nor an open file has them. */
  lostBytes: number;
}

export interface LedgerOptions {
  /** A segment that has grown so large is followed by the next. */
  segmentBytes?: number;
  /** Hears of a segment that was lost; what could be saved of it is on disk again by then. */
  onLost?: (lost: Lost) => void;
}

interface Waiting {
  record: UsageRecord;
  line: string;
  resolve(): void;
  reject(error: NiwaError): void;
}

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
 * - The last segment may be moved, removed or cut under niwad, and the kernel takes writes and syncs to it all the same. So with
 *   each sync its path is looked at; where it does not name what was written, a new segment takes all that the open file still
 *   has, and the records that wait, before these are acknowledged.
 * - A segment begins with a header and a copy of the last interim record of each run that goes on, synced before anything else
 *   is written to it. So bills of a period can be made of the segments of that period, and the older ones put away.
 */
export class Ledger {
  /** What open() has cut off; null where all was whole. */
  readonly torn: Torn | null;
  /** Hears that a segment is full, and the next one has begun. */
  onBegun: () => void = () => {};
  readonly #directory: string;
  readonly #segmentBytes: number;
  readonly #onLost: (lost: Lost) => void;
  readonly #segments: Segment[];
  readonly #runs: KnownRuns;
  /** The last segment; null where the next batch has to begin a new one. */
  #file: SegmentFile | null;
  #waiting: Waiting[] = [];
  #committing: Promise<void> | null = null;
  #closed = false;

  private constructor(directory: string, options: LedgerOptions, found: Found) {
    this.#directory = directory;
    this.#segmentBytes = options.segmentBytes ?? DEFAULT_SEGMENT_BYTES;
    this.#onLost = options.onLost ?? (() => {});
    this.torn = found.torn;
    this.#segments = found.segments;
    this.#runs = found.runs;
    this.#file = found.file;
  }

  /**
   * Opens the ledger in a directory, making it where there is none. Nobody else may have it open.
   * @throws NiwaError HOST_ERROR
   */
  static async open(directory: string, options: LedgerOptions = {}): Promise<Ledger> {
    try {
      await makeDirectory(directory);
      const ledger = new Ledger(directory, options, await recover(directory));
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

  /** Gives the segments, the oldest first, and how much of each is acknowledged now. */
  parts(): { number: number; path: string; size: number }[] {
    return this.#segments.map(({ number, path, size }) => ({ number, path, size }));
  }

  /** Waits for what is being written. @throws NiwaError HOST_ERROR where the last segment was lost and cannot be saved */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#committing;
    try {
      await this.#check();
    } catch (error) {
      throw failure('save', this.#last().path, error);
    } finally {
      await this.#file?.close();
      this.#file = null;
    }
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
    if (this.#file !== null && this.#isFull()) await this.#check();
    if (this.#file === null || this.#isFull()) await this.#begin();
    await this.#write(Buffer.from(batch.map(({ line }) => line).join('')));
    for (const { record } of batch) {
      this.#runs.add({ record, carried: false });
      this.#last().earliest = earlierOf(this.#last().earliest, record.at);
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
    const file = this.#file as SegmentFile;
    const segment = this.#last();
    const end = segment.size + bytes.length;
    let written = false;
    let named: Named;
    try {
      await file.append(bytes);
      crashPoint('record-appended');
      written = true;
      [named] = await Promise.all([file.named(end), file.sync()]);
    } catch (error) {
      const cut = await cutTo(file, segment.size);
      if (written || !cut) await this.#leave(file);
      throw error;
    }
    if (named.what === 'file') segment.size = end;
    else await this.#replace(file, named, bytes);
  }

  /** Sees to it that the last segment is where it was. @throws what node:fs throws */
  async #check(): Promise<void> {
    if (this.#file === null) return;
    const named = await this.#file.named(this.#last().size);
    if (named.what !== 'file') await this.#replace(this.#file, named, Buffer.alloc(0));
  }

  /**
   * Goes on in a new segment instead of the last one, which has lost its path or was changed: with what the open file still has
   * of a lost one, else with the last interim records once again: what was billed by them is not billed by the next ones then.
   * @param bytes what was written last, and is not acknowledged yet
   * @throws what node:fs throws; then the last segment is as it was before these bytes
   */
  async #replace(file: SegmentFile, named: Exclude<Named, { what: 'file' }>, bytes: Buffer): Promise<void> {
    const lost = this.#last();
    const { size, earliest = null } = lost;
    const gone = named.what === 'gone';
    const kept = gone ? 0 : Math.min(size, Math.max(0, named.size - bytes.length));
    const latest = gone ? this.#latestBefore(lost) : this.#runs.latestAt;
    const header: Header = { type: 'segment', previous_bytes: kept, latest_at: latest, carried: 0 };
    let again: UsageRecord[] = [];
    let saved = kept;
    try {
      const next = await beginSegment(this.#directory, lost.number + 1, header, async (into) => {
        if (gone) saved = await file.copyTo(into, size);
        if (!gone || saved < size) again = this.unfinished();
        const lines = again.map((record) => toLine({ record, carried: false }));
        await into.append(Buffer.from(`${gone && saved < size ? '\n' : ''}${lines.join('')}`));
        await into.append(bytes);
      });
      if (gone) this.#segments.pop();
      else lost.size = kept;
      await this.#goOn(next, again.map(({ at }) => at).reduce(earlierOf, gone ? earliest : null));
    } catch (error) {
      await cutTo(file, gone ? size : kept);
      throw error;
    }
    this.#onLost({ segment: lost.path, what: named.what, next: this.#last().path, lostBytes: size - saved });
  }

  /** Writes no more to the last segment. One without records of its own is not kept: a bad disk would fill with them. */
  async #leave(file: SegmentFile): Promise<void> {
    this.#file = null;
    await file.close();
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
    const { latestAt, going } = this.#runs;
    const header: Header | null =
      before === undefined
        ? null
        : { type: 'segment', previous_bytes: before.size, latest_at: latestAt, carried: going.size };
    const next = await beginSegment(this.#directory, (before?.number ?? 0) + 1, header, async (into) => {
      const carried = header === null ? [] : this.unfinished().map((record) => toLine({ record, carried: true }));
      await into.append(Buffer.from(carried.join('')));
    });
    await this.#goOn(next, null);
    this.#runs.ended.clear();
    this.onBegun();
  }

  /** The latest `at` before a segment. Where its first line is damaged, the latest of all records is given: it is never too early. */
  #latestBefore({ header }: Segment): string | null {
    return header?.latest_at ?? (this.#segments.length > 1 ? this.#runs.latestAt : null);
  }

  /** Writes to another segment from now on. */
  async #goOn({ file, segment }: Begun, earliest: string | null): Promise<void> {
    await this.#file?.close(); // all of it is synced
    this.#file = file;
    this.#segments.push({ ...segment, earliest });
  }
}
