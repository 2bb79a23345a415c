import { crc32 } from 'node:zlib';
import type { UsageRecord } from '../protocol/record.js';

/** The first line of a segment of the ledger that is not its first one. */
export interface Header {
  type: 'segment';
  /** How much of the segment before this one had been acknowledged; what it may hold beyond that does not count. */
  previous_bytes: number;
  /** The latest `at` of all segments before this one; null where they have no record. */
  latest_at: string | null;
  /** How many carried records follow. */
  carried: number;
}

/** What a line of the ledger says. */
export type Entry =
  | { header: Header }
  /** `carried`: a copy of the last interim record of a run that goes on, from the segment before. */
  | { record: UsageRecord; carried: boolean };

/** `,"crc32":"01234567"}` */
const CHECKSUM_BYTES = 20;

/** Writes a line; its last member is the checksum of all before it, so that jq can read it as any other. */
export function toLine(entry: Entry): string {
  const value = 'header' in entry ? entry.header : entry.carried ? { ...entry.record, carried: true } : entry.record;
  const text = JSON.stringify(value).slice(0, -1);
  return `${text},"crc32":"${checksum(text)}"}\n`;
}

/** Reads a line, without its end; null where its checksum is wrong or it is none of ours. */
export function fromLine(line: Buffer): Entry | null {
  const text = line.subarray(0, -CHECKSUM_BYTES);
  if (line.toString('latin1', text.length) !== `,"crc32":"${checksum(text)}"}`) return null;
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

function checksum(text: string | Buffer): string {
  return crc32(text).toString(16).padStart(8, '0');
}
