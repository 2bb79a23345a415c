import { messageOf, NiwaError } from '../errors.js';
import type { UsageRecord } from '../protocol/record.js';
import { linesOf, type Segment } from './segment.js';

/** From `since` up to and without `until`, as Date.toISOString writes them; null for no bound. */
export interface Period {
  since: string | null;
  until: string | null;
}

/**
 * The records of a period in the order in which they were written, and before them what is needed to take differences: of each
 * run that has records in the period, the one before these. There may be other records; the reader looks at `at`.
 */
export class LedgerReading implements AsyncIterable<UsageRecord> {
  /** The damaged lines so far. */
  skippedLines = 0;
  /** What is acknowledged now; what comes later is not part of this reading. */
  readonly #parts: { segment: Segment; size: number }[];

  constructor(segments: readonly Segment[], period: Period) {
    this.#parts = segmentsFor(segments, period).map((segment) => ({ segment, size: segment.size }));
  }

  /** @throws NiwaError HOST_ERROR */
  async *[Symbol.asyncIterator](): AsyncGenerator<UsageRecord> {
    let last = -1;
    for (const { segment, size } of this.#parts) {
      try {
        // Whoever has read the segment before knows what this one carries.
        yield* this.#recordsOf(segment, size, last !== segment.number - 1);
        last = segment.number;
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        if (code !== 'ENOENT')
          // an operator has put it away
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
 * Chooses the segments that have to be read for a period. The wall clock may have been set, so only what the segments
 * themselves say is sure: the header that all before is older, and the earliest record, where all have been read once.
 */
export function segmentsFor(segments: readonly Segment[], { since, until }: Period): readonly Segment[] {
  const begins = ({ header }: Segment) =>
    since !== null && header !== null && (header.latest_at === null || header.latest_at < since);
  const matters = ({ earliest }: Segment) =>
    until === null || earliest === undefined || (earliest !== null && earliest < until);
  const first = Math.max(0, segments.findLastIndex(begins));
  return segments.slice(first, segments.findLastIndex(matters) + 1);
}
