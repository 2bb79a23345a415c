import type { StreamName } from '../protocol/logs.js';
import { type LogReader, OLDEST, type Position } from './reader.js';
import type { Piece, Segment } from './segment.js';

/** Finds places in a log by time and by lines. Where the wall clock was set back, places by time are inexact. */

const NEWLINE = 10;
const STEP_BYTES = 64 * 1024;

/** Finds the first byte that came at a time or later; gives the end of the log where no byte did. */
export async function positionSince(reader: LogReader, usec: number): Promise<Position> {
  for (const number of (await reader.numbers()).reverse()) {
    const found = await reader.withSegment(number, async (segment) => {
      const first = await segment.firstUsec();
      return first !== null && first < usec ? { number, offset: await segment.offsetSince(usec) } : null;
    });
    if (found) return found;
  }
  return OLDEST;
}

/**
 * Finds the place at which the last lines before a given place begin. A line that goes on over several pieces counts in
 * the piece that has its newline. Text after the last newline counts as a line.
 * @param end the place from which to count back; null for the end of the log
 * @param stream count only lines of this stream; undefined for both streams
 */
export async function positionOfLast(
  reader: LogReader,
  lines: number,
  end: Position | null,
  stream?: StreamName,
): Promise<Position> {
  const counter = new LineCounter(lines);
  for (const number of (await reader.numbers()).reverse()) {
    if (end !== null && number > end.number) continue;
    const found = await reader.withSegment(number, async (segment) => {
      const stop = end?.number === number ? end.offset : await segment.size();
      const offset = await countBack(segment, stop, counter, stream);
      return offset === null ? null : { number, offset };
    });
    if (found) return found;
  }
  return OLDEST;
}

async function countBack(
  segment: Segment,
  end: number,
  counter: LineCounter,
  stream: StreamName | undefined,
): Promise<number | null> {
  for (let to = end; to > 0; to -= STEP_BYTES) {
    const from = Math.max(0, to - STEP_BYTES);
    for (const piece of (await readAll(segment, from, to)).reverse()) {
      if (stream !== undefined && piece.stream !== stream) continue;
      const start = counter.count(piece.data);
      if (start !== null) return piece.offset + start;
    }
  }
  return null;
}

async function readAll(segment: Segment, from: number, to: number): Promise<Piece[]> {
  const all: Piece[] = [];
  for (let at = from; at < to; ) {
    const pieces = await segment.read(at, to);
    const last = pieces.at(-1);
    if (last === undefined) break;
    all.push(...pieces);
    at = last.offset + last.data.length;
  }
  return all;
}

/** Counts lines from the end of a text towards its beginning. The text comes in pieces, the last piece first. */
class LineCounter {
  #left: number;
  #begun = false;

  constructor(lines: number) {
    this.#left = lines;
  }

  /**
   * Gives where in this piece the first of the wanted lines begins; null where that line begins in an earlier piece.
   */
  count(data: Buffer): number | null {
    let end = data.length;
    if (!this.#begun && end > 0) {
      this.#begun = true;
      if (this.#left === 0) return end;
      if (data[end - 1] === NEWLINE) end--; // this newline ends the last line; no line begins after it
    }
    while (end > 0) {
      const newline = data.lastIndexOf(NEWLINE, end - 1);
      if (newline < 0) return null;
      if (--this.#left === 0) return newline + 1;
      end = newline;
    }
    return null;
  }
}
