import type { StreamName } from '../protocol/logs.js';
import { type LogReader, OLDEST, type Position } from './reader.js';
import type { Piece, Segment } from './segment.js';

/** Looks for places in a log. A clock that was set back makes places by time inexact. */

const NEWLINE = 10;
const STEP_BYTES = 64 * 1024;

/** Finds the first byte that came at a time or later; the end of the log where there is none. */
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
 * Finds where the last lines before a place begin; a line counts where its newline is, and what follows the last newline is a
 * line too.
 * @param end where to count back from; null for the end of the log
 * @param stream only lines of this stream count; undefined for both
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

/** Counts lines from the end of a text that comes in pieces, the last one first. */
class LineCounter {
  #left: number;
  #begun = false;

  constructor(lines: number) {
    this.#left = lines;
  }

  /** Gives where in this piece the first of the lines begins, or null where it begins before the piece. */
  count(data: Buffer): number | null {
    let end = data.length;
    if (!this.#begun && end > 0) {
      this.#begun = true;
      if (this.#left === 0) return end;
      if (data[end - 1] === NEWLINE) end--; // it ends the last line, and begins none
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
