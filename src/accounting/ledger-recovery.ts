import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { KnownRuns } from './known-runs.js';
import { findSegments, linesOf, type Segment } from './segment.js';
import { SegmentFile, syncDirectory } from './segment-file.js';

const NEWLINE = 10;

/** What does not count when the ledger is opened: the path of the segment, and how much of its end. */
export interface Torn {
  segment: string;
  bytes: number;
  /** Whether it stays in the file: a crash tears a line, and no lines that are complete. */
  kept?: true;
}

/** What {@link recover} finds. */
export interface Found {
  segments: Segment[];
  /** The last segment; null where there is none. */
  file: SegmentFile | null;
  runs: KnownRuns;
  torn: Torn | null;
}

/**
 * Makes a ledger whole again: cuts off what a crash has torn, and syncs the rest. Damaged lines that are complete stay for the
 * operator, in a segment that is not written to any more.
 * @throws what node:fs throws
 */
export async function recover(directory: string): Promise<Found> {
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

  const file = await SegmentFile.open(last.path);
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

/** Whether a line ends between two places of a file. */
async function hasLine(path: string, from: number, to: number): Promise<boolean> {
  if (to <= from) return false;
  for await (const chunk of createReadStream(path, { start: from, end: to - 1 }))
    if ((chunk as Buffer).includes(NEWLINE)) return true;
  return false;
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

/** Gives the earlier of two moments, as Date.toISOString writes them. */
export function earlierOf(a: string | null | undefined, b: string): string {
  return a === null || a === undefined || b < a ? b : a;
}
