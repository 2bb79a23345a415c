import { messageOf, NiwaError } from '../protocol/errors.js';
import type { UsageRecord } from '../protocol/record.js';
import { linesOf, type Segment } from './segment.js';

/**
 * A period: `since` belongs to it, `until` does not. Both as Date.toISOString writes them; null where that side is
 * open.
 */
export interface Period {
  since: string | null;
  until: string | null;
}

/**
 * The records of a period, in the order in which they were written. Figures count from the start of a run, so
 * differences need a record from before the period: for each run that has records in the period, its last record before
 * them is given too. Further records from outside the period may be given; the caller has to look at `at`.
 */
export class LedgerReading implements AsyncIterable<UsageRecord> {
  /** How many damaged lines the reading has met so far. */
  skippedLines = 0;
  /**
   * The segments and their acknowledged sizes when the reading was made. Records that are appended later are not read.
   */
  readonly #parts: { segment: Segment; size: number }[];

  constructor(segments: readonly Segment[], period: Period) {
    this.#parts = segmentsFor(segments, period).map((segment) => ({ segment, size: segment.size }));
  }

  /** @throws NiwaError HOST_ERROR */
  async *[Symbol.asyncIterator](): AsyncGenerator<UsageRecord> {
    let last = -1;
    for (const { segment, size } of this.#parts) {
      try {
        // A segment begins with copies of records of the segment before. Where that segment was read just now, the
        // copies are left out.
        yield* this.#recordsOf(segment, size, last !== segment.number - 1);
        last = segment.number;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code !== 'ENOENT')
          // ENOENT: an operator has moved the segment away; the reading goes on without it
          throw new NiwaError('HOST_ERROR', `cannot read the ledger ${segment.path}: ${messageOf(error)}`, {
            cause: error,
          });
      }
    }
  }

  async *#recordsOf(segment: Segment, size: number, wantsCarried: boolean): AsyncGenerator<UsageRecord> {
    let earliest: string | null = null;
    for await (const lines of linesOf(segment.path, size))
      for (const { entry } of lines) {
        if (entry === null) this.skippedLines++;
        if (entry === null || 'header' in entry) continue;
        const { record, carried } = entry;
        if (!carried && (earliest === null || record.at < earliest)) earliest = record.at;
        if (!carried || wantsCarried) yield record;
      }
    if (segment.earliest === undefined) segment.earliest = earliest;
  }
}

/**
 * Chooses the segments that have to be read for a period. The wall clock may have been set back, so the times of a
 * segment do not follow from its place. Two facts are sure: the header says the latest record of all segments before,
 * and a segment that has been read in full once has its earliest record.
 */
export function segmentsFor(segments: readonly Segment[], { since, until }: Period): readonly Segment[] {
  const begins = ({ header }: Segment) =>
    since !== null && header !== null && (header.latest_at === null || header.latest_at < since);
  const matters = ({ earliest }: Segment) =>
    until === null || earliest === undefined || (earliest !== null && earliest < until);
  const first = Math.max(0, segments.findLastIndex(begins));
  return segments.slice(first, segments.findLastIndex(matters) + 1);
}
