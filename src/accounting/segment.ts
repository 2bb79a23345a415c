import { open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Entry, fromLine, type Header } from './record.js';

/** A file of the ledger: DIRECTORY/00000001.ndjson and so on. */
export interface Segment {
  readonly number: number;
  readonly path: string;
  /** How many bytes of the file count. */
  size: number;
  /** null in the first segment, and where the first line is damaged. */
  readonly header: Header | null;
  /**
   * The earliest `at` of its records, null where it has no records. It is left out as long as the segment was not read
   * in full.
   */
  earliest?: string | null;
}

/** A line of a segment, and the offset at which the next line begins. */
export interface Line {
  /** null where the line is torn or its checksum is wrong. */
  entry: Entry | null;
  end: number;
}

/** How much is read and parsed at once. Parsing a chunk of this size takes about 5 ms, so requests do not wait long. */
const CHUNK_BYTES = 256 * 1024;
const NEWLINE = 10;

/** Gives the path of a segment. */
export function segmentPath(directory: string, number: number): string {
  return join(directory, `${String(number).padStart(8, '0')}.ndjson`);
}

/** Finds the segments of a ledger, the oldest first. @throws what node:fs throws */
export async function findSegments(directory: string): Promise<Segment[]> {
  const numbers = (await readdir(directory))
    .flatMap((name) => /^([0-9]{8,})\.ndjson$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
  const segments: Segment[] = [];
  for (const number of numbers) segments.push(await lookAt(number, segmentPath(directory, number)));
  for (const [i, segment] of segments.entries()) {
    const next = segments[i + 1];
    if (next?.header && next.number === segment.number + 1)
      segment.size = Math.min(segment.size, next.header.previous_bytes);
  }
  return segments;
}

/** How much is read to get the header, which is the first line, and shorter than that. */
const HEADER_BYTES = 256;

async function lookAt(number: number, path: string): Promise<Segment> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const { buffer, bytesRead } = await file.read(Buffer.alloc(HEADER_BYTES), 0, HEADER_BYTES, 0);
    const end = buffer.subarray(0, bytesRead).indexOf(NEWLINE);
    const entry = end < 0 ? null : fromLine(buffer.subarray(0, end));
    return { number, path, size, header: entry !== null && 'header' in entry ? entry.header : null };
  } finally {
    await file.close();
  }
}

/**
 * Reads the lines of a segment up to `size`, many lines at a time. Between two chunks, other work of the event loop
 * goes on.
 * @param from the offset at which to begin: the beginning of a line
 * @throws what node:fs throws
 */
export async function* linesOf(path: string, size: number, from = 0): AsyncGenerator<Line[]> {
  const file = await open(path, 'r');
  try {
    let begun: Buffer[] = [];
    for (let offset = from; offset < size; ) {
      const wanted = Math.min(CHUNK_BYTES, size - offset);
      const { buffer, bytesRead } = await file.read(Buffer.allocUnsafe(wanted), 0, wanted, offset);
      if (bytesRead === 0) break;
      const chunk = buffer.subarray(0, bytesRead);
      const lines: Line[] = [];
      let begin = 0;
      for (let to = chunk.indexOf(NEWLINE); to >= 0; to = chunk.indexOf(NEWLINE, begin)) {
        lines.push({ entry: fromLine(Buffer.concat([...begun, chunk.subarray(begin, to)])), end: offset + to + 1 });
        begun = [];
        begin = to + 1;
      }
      if (begin < bytesRead) begun.push(chunk.subarray(begin));
      offset += bytesRead;
      yield lines;
    }
    if (begun.length > 0) yield [{ entry: null, end: size }];
  } finally {
    await file.close();
  }
}
