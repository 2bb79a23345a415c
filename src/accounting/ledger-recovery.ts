import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { Place } from './begin-segment.js';
import { KnownRuns } from './known-runs.js';
import { findSegments, linesOf, type Segment } from './segment.js';
import { SegmentFile, syncDirectory } from './segment-file.js';

const NEWLINE = 10;

/**
 * The end of the last segment that does not count when the ledger is opened: the segment's path, and the number of
 * bytes.
 */
export interface Torn {
  segment: string;
  bytes: number;
  /**
   * Set where these bytes stay in the file, since they contain complete lines. A crash tears one line; something else
   * damaged these.
   */
  kept?: true;
}

/** The ledger as {@link recover} found it on disk and repaired it. */
export interface Found {
  segments: Segment[];
  /** The last segment; null where there is none. */
  file: SegmentFile | null;
  runs: KnownRuns;
  torn: Torn | null;
}

/**
 * Repairs a ledger after a crash: cuts off a line that was written in part, and syncs the rest. Damaged lines that are
 * complete stay in the file, so that the operator can look at them; nothing is written to that segment any more.
 * @throws what node:fs throws
 */
export async function recover({ directory, kernel }: Place): Promise<Found> {
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

  const file = await SegmentFile.open(last.path, kernel);
  const size = await file.size();
  const kept = await hasLine(last.path, end, size);
  if (size > end) torn = { segment: last.path, bytes: size - end, ...(kept ? { kept } : {}) };
  if (size > end && !kept) await file.truncate(end);
  last.size = end;
  await file.sync();
  await syncDirectory(directory);
  if (!kept) return { segments, file, runs, torn };
  await file.close();
  return { segments, file: null, runs, torn };
}

/** Says whether a newline is between two offsets of a file. */
async function hasLine(path: string, from: number, to: number): Promise<boolean> {
  if (to <= from) return false;
  for await (const chunk of createReadStream(path, { start: from, end: to - 1 }))
    if ((chunk as Buffer).includes(NEWLINE)) return true;
  return false;
}

/**
 * Removes the last segment where a crash has torn the copies at its beginning: nothing else is written before these are
 * synced.
 */
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

/** Reads a segment, and learns its runs and its earliest record; gives the offset at which its last whole line ends. */
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

/** Gives the earlier of two moments, as Date.toISOString writes them. */
export function earlierOf(a: string | null | undefined, b: string): string {
  return a === null || a === undefined || b < a ? b : a;
}
