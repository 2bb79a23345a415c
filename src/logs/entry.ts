import type { StreamName } from '../protocol/logs.js';

/**
 * A line of an index: "from this offset on the bytes are of this stream, and came at this time"
 * (native/addon/log_file.cc).
 */

export interface Entry {
  /** Microseconds since 1970. */
  usec: number;
  stream: StreamName;
  /** The offset of the first byte in the segment. */
  offset: number;
}

/**
 * The length of a line: 16 digits of microseconds, `o` or `e`, 12 digits of the offset, with spaces between them, and a
 * newline.
 */
export const ENTRY_BYTES = 32;

/**
 * Parses the whole lines of an index. A crash of the machine may have left other bytes in place of a line; they are
 * skipped.
 */
export function parseEntries(bytes: Buffer): Entry[] {
  const lines = bytes.toString('latin1').match(/[0-9]{16} [oe] [0-9]{12}\n/g) ?? [];
  return lines.map((line) => ({
    usec: Number(line.slice(0, 16)),
    stream: line[17] === 'e' ? 'stderr' : 'stdout',
    offset: Number(line.slice(19, 31)),
  }));
}

/** Writes microseconds since 1970 in the form of ISO 8601: `2026-11-23T13:57:15.033124Z`. */
export function formatUsec(usec: number): string {
  const micros = String(usec % 1000).padStart(3, '0');
  return new Date(Math.floor(usec / 1000)).toISOString().replace('Z', `${micros}Z`);
}
