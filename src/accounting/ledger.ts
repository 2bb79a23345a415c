import { rm } from 'node:fs/promises';
import type { Handle } from '../kernel/containers.js';
import type { Named } from '../kernel/records.js';
import { NiwaError } from '../protocol/errors.js';
import type { UsageRecord } from '../protocol/record.js';
import { type Begun, beginSegment, cutTo, type Place } from './begin-segment.js';
import type { KnownRuns } from './known-runs.js';
import { failure } from './ledger-failure.js';
import { LedgerReading, type Period } from './ledger-reading.js';
import { earlierOf, type Found, recover, type Torn } from './ledger-recovery.js';
import { type Header, toLine } from './record.js';
import type { Segment } from './segment.js';
import { makeDirectory, type RecordKernel, type SegmentFile, systemError } from './segment-file.js';

/** Tells of a segment that another program moved, removed or changed while niwad wrote to it. */
export interface Lost {
  /** Its path. */
  segment: string;
  /** `gone`: the path names nothing or another file; `changed`: the file was cut, or written to. */
  what: 'gone' | 'changed';
  /** The path of the segment to which niwad writes from now on. */
  next: string;
  /** How many acknowledged bytes are lost: no segment has them, and neither has the open file. */
  lostBytes: number;
}

export interface LedgerOptions {
  kernel: RecordKernel;
  /** A segment that has at least this many bytes is full: the next one begins. */
  segmentBytes?: number;
  /** Called when a segment was lost, after all bytes that could be saved were written to the next one and synced. */
  onLost?: (lost: Lost) => void;
}

interface Waiting {
  record: UsageRecord;
  /** The container whose end the record is; 0 for none. */
  ended: Handle;
  line: string;
  resolve(): void;
  reject(error: NiwaError): void;
}

const DEFAULT_SEGMENT_BYTES = 64 * 1024 * 1024;

/**
 * The usage records on disk: a directory of segments, one JSON line for each record. Lines are only appended.
 *
 * A record is acknowledged when write and fdatasync have both succeeded. Only acknowledged records count.
 *
 * - After a crash the last segment may end with bytes that were never acknowledged. Whole lines among them count: they
 *   are synced when the ledger is opened. A line that was written in part is cut off.
 * - When a write fails, the ledger cuts the file back to its size before (ftruncate). When that fails too, or when
 *   fdatasync fails (the kernel may then have dropped the pages and call them clean), the ledger leaves the segment and
 *   begins the next one. The header of the next segment says how many bytes of the segment before count. Bytes beyond
 *   that are never read, even if they reach the disk after all. So a record that is appended again is there once.
 * - Another program may move, remove or cut the last segment while niwad writes to it. The kernel reports no error for
 *   later writes and syncs. Therefore the ledger looks at the segment's path with each sync. If the path does not name
 *   the file as it was written, the ledger begins a new segment, and copies to it all that the open file still has, and
 *   the records that wait. Only then are these records acknowledged.
 * - A segment begins with a header and with a copy of the last interim record of each run that goes on. Both are synced
 *   before anything else is written. So the bill of a period needs the segments of that period alone, and older
 *   segments may be moved away.
 */
export class Ledger {
  /** The bytes that did not count when the ledger was opened; null where all was whole. */
  readonly torn: Torn | null;
  /** Called when a segment was full and the next one has begun. */
  onBegun: () => void = () => {};
  readonly #place: Place;
  readonly #segmentBytes: number;
  readonly #onLost: (lost: Lost) => void;
  readonly #segments: Segment[];
  readonly #runs: KnownRuns;
  /** The last segment; null where the next batch has to begin a new one. */
  #file: SegmentFile | null;
  #waiting: Waiting[] = [];
  #committing: Promise<void> | null = null;
  #closed = false;

  private constructor(place: Place, options: LedgerOptions, found: Found) {
    this.#place = place;
    this.#segmentBytes = options.segmentBytes ?? DEFAULT_SEGMENT_BYTES;
    this.#onLost = options.onLost ?? (() => {});
    this.torn = found.torn;
    this.#segments = found.segments;
    this.#runs = found.runs;
    this.#file = found.file;
  }

  /**
   * Opens the ledger in a directory; makes the directory where it is missing. No other process may have the ledger
   * open.
   * @throws NiwaError HOST_ERROR
   */
  static async open(directory: string, options: LedgerOptions): Promise<Ledger> {
    try {
      await makeDirectory(directory);
      const place = { directory, kernel: options.kernel };
      const ledger = new Ledger(place, options, await recover(place));
      if (ledger.#file === null) await ledger.#begin();
      return ledger;
    } catch (error) {
      throw failure('open', directory, error);
    }
  }

  /**
   * Appends a record. When the promise resolves, the record is on disk. A record that comes during a sync waits for the
   * end of that sync; all records that wait share the next write and the next fdatasync.
   * @param ended the container whose final record this is; its end goes on as soon as the record is on disk
   * @throws NiwaError HOST_ERROR; the record is not in the ledger then, and the caller may append it again
   */
  append(record: UsageRecord, ended: Handle = 0): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#closed) throw new NiwaError('HOST_ERROR', `the ledger ${this.#place.directory} is closed`);
      this.#waiting.push({ record, ended, line: toLine({ record, carried: false }), resolve, reject });
      this.#committing ??= this.#commitAll();
    });
  }

  /** Gives the last interim record of each run that has no final record. */
  unfinished(): UsageRecord[] {
    return [...this.#runs.going.values()];
  }

  /**
   * Gives the records of a period, and the earlier records that are needed for differences, see {@link LedgerReading}.
   */
  records(period: Period = { since: null, until: null }): LedgerReading {
    return new LedgerReading(this.#segments, period);
  }

  /** Gives the segments, the oldest first, each with the number of its bytes that are acknowledged now. */
  parts(): { number: number; path: string; size: number }[] {
    return this.#segments.map(({ number, path, size }) => ({ number, path, size }));
  }

  /**
   * Closes the ledger, when the records that wait are written.
   * @throws NiwaError HOST_ERROR if the last segment was lost and cannot be saved
   */
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
    await null; // callers that append in the same turn of the event loop share the first batch
    while (this.#waiting.length > 0) {
      const batch = this.#waiting;
      this.#waiting = [];
      try {
        await this.#commit(batch);
        for (const { resolve } of batch) resolve();
      } catch (error) {
        const refusal = failure('write to', this.#segments.at(-1)?.path ?? this.#place.directory, error);
        for (const { reject } of batch) reject(refusal);
      }
    }
    this.#committing = null;
  }

  async #commit(batch: readonly Waiting[]): Promise<void> {
    if (this.#file !== null && this.#isFull()) await this.#check();
    if (this.#file === null || this.#isFull()) await this.#begin();
    const ended = batch.map((one) => one.ended).filter((handle) => handle !== 0);
    await this.#write(Buffer.from(batch.map(({ line }) => line).join('')), ended);
    for (const { record } of batch) {
      this.#runs.add({ record, carried: false });
      this.#last().earliest = earlierOf(this.#last().earliest, record.at);
    }
  }

  /**
   * A segment that has only copies of earlier records is not full, however large it is: else each segment would be
   * followed by the next.
   */
  #isFull(): boolean {
    const { size, earliest } = this.#last();
    return size >= this.#segmentBytes && earliest !== null;
  }

  #last(): Segment {
    return this.#segments[this.#segments.length - 1] as Segment;
  }

  /** Writes all the bytes, or cuts the file back to its size before. @throws what node:fs throws */
  async #write(bytes: Buffer, ended: readonly Handle[]): Promise<void> {
    const file = this.#file as SegmentFile;
    const segment = this.#last();
    const end = segment.size + bytes.length;
    const answer = await file.commit(bytes, end, ended);
    if ('code' in answer) {
      const cut = await cutTo(file, segment.size);
      if (answer.written || !cut) await this.#leave(file);
      throw systemError(answer);
    }
    if (answer.what === 'file') {
      segment.size = end;
    } else {
      await this.#replace(file, answer, bytes);
      for (const handle of ended) this.#place.kernel.records.confirm(handle);
    }
  }

  /** Replaces the last segment if its path no longer names the open file. @throws what node:fs throws */
  async #check(): Promise<void> {
    if (this.#file !== null) await this.#write(Buffer.alloc(0), []);
  }

  /**
   * Begins a new segment in place of the last one, whose path names another file or none, or whose file was changed.
   * Where the path is lost, the new segment takes the bytes that the open file still has. Where the file was changed,
   * the new segment takes the last interim records once more: the next record of a run is billed by its difference to
   * them, so nothing is billed twice.
   * @param bytes what was written last, and is not acknowledged yet
   * @throws what node:fs throws; the last segment is then as it was before these bytes
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
      const next = await beginSegment(this.#place, lost.number + 1, header, async (into) => {
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

  /** Ends the last segment. If it has no record of its own it is removed: else they would fill a failing disk. */
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

  /**
   * Begins the next segment with copies of the last interim records.
   * @throws what node:fs throws; no segment is made then
   */
  async #begin(): Promise<void> {
    const before = this.#segments.at(-1);
    const { latestAt, going } = this.#runs;
    const header: Header | null =
      before === undefined
        ? null
        : { type: 'segment', previous_bytes: before.size, latest_at: latestAt, carried: going.size };
    const next = await beginSegment(this.#place, (before?.number ?? 0) + 1, header, async (into) => {
      const carried = header === null ? [] : this.unfinished().map((record) => toLine({ record, carried: true }));
      await into.append(Buffer.from(carried.join('')));
    });
    await this.#goOn(next, null);
    this.#runs.ended.clear();
    this.onBegun();
  }

  /** Gives the latest `at` before a segment; where its header is damaged, that of all records: never too early. */
  #latestBefore({ header }: Segment): string | null {
    return header?.latest_at ?? (this.#segments.length > 1 ? this.#runs.latestAt : null);
  }

  /** From now on records are written to this segment. */
  async #goOn({ file, segment }: Begun, earliest: string | null): Promise<void> {
    await this.#file?.close(); // the file is synced already
    this.#file = file;
    this.#segments.push({ ...segment, earliest });
  }
}
