import { isChecked, toCheckedLine } from '../host/checked-line.js';
import type { UsageRecord } from '../protocol/record.js';

/** The first line of every segment but the first. */
export interface Header {
  type: 'segment';
  /** How many bytes of the segment before are acknowledged. If that segment has more bytes, these do not count. */
  previous_bytes: number;
  /** The latest `at` of all segments before this one; null where those have no record. */
  latest_at: string | null;
  /** How many copies of records from the segment before follow. */
  carried: number;
}

/** The content of one line of the ledger. */
export type Entry =
  | { header: Header }
  /** `carried`: the record is a copy, made from the segment before: the last interim record of a run that goes on. */
  | { record: UsageRecord; carried: boolean };

/** Writes a line, with a checksum. */
export function toLine(entry: Entry): string {
  const value = 'header' in entry ? entry.header : entry.carried ? { ...entry.record, carried: true } : entry.record;
  return toCheckedLine(value);
}

/**
 * Reads a line, given without its newline; gives null where the checksum is wrong, or the line is no line of a ledger.
 */
export function fromLine(line: Buffer): Entry | null {
  if (!isChecked(line)) return null;
  try {
    const { crc32: _, ...value } = JSON.parse(line.toString()) as Line;
    if (value.type === 'segment') return { header: value };
    const { carried = false, ...record } = value;
    return record.type === 'interim' || record.type === 'final' ? { record, carried } : null;
  } catch {
    return null;
  }
}

type Line = { crc32: string } & (Header | (UsageRecord & { carried?: boolean }));
