import type { LogChunk, StreamName } from '../protocol/logs.js';
import { formatUsec } from './entry.js';
import { LogReader, OLDEST, type Position } from './reader.js';
import { positionOfLast, positionSince } from './search.js';
import type { Piece } from './segment.js';

/** A part of a log. Times are microseconds since 1970. */
export interface LogRange {
  sinceUsec?: number | undefined;
  /** The end of the part: output of this moment or later does not belong to it. */
  untilUsec?: number | undefined;
  /** Only the last so many lines. */
  tail?: number | undefined;
  stream?: StreamName | undefined;
  /** Wait for further output until the container has exited. */
  follow?: boolean | undefined;
  /** Called when the place at which to begin is known: all output after the call is read. */
  begun?: (() => void) | undefined;
}

/**
 * The stored output of one container. Each reader has its own place, so a slow reader delays neither the others nor the
 * container.
 */
export class ContainerLog {
  readonly #directory: string;
  readonly #watch: () => void;
  readonly #waiting = new Set<() => void>();
  /** Counts the calls of {@link hear}. */
  #heard = 0;
  #asked = false;
  #ended = false;

  /**
   * @param directory where the output is stored
   * @param watch asks for one call of {@link hear}, when the next output is stored
   */
  constructor(directory: string, watch: () => void) {
    this.#directory = directory;
    this.#watch = watch;
  }

  /** The addon tells that output was stored since `watch` was called. */
  hear(): void {
    this.#heard++;
    this.#asked = false;
    for (const wake of this.#waiting) wake();
  }

  /** The container has exited, and all its output is stored. */
  end(): void {
    this.#ended = true;
    this.hear();
  }

  /**
   * Reads a part of the log; each piece is read when it is asked for.
   * @param left aborted when the reader has gone; this ends the reading
   * @throws errors of the file system
   */
  async *read(range: LogRange, left: AbortSignal): AsyncGenerator<LogChunk> {
    const reader = (await this.#openAtBeginning(range)) ?? (await this.#awaitFirst(range, left));
    if (reader === null) return;
    try {
      while (!left.aborted) {
        const over = this.#ended || range.follow !== true;
        const heard = over ? 0 : this.#ask(); // before the read: output that is stored after the read is then told
        for (let pieces = await reader.read(); pieces.length > 0; pieces = await reader.read()) {
          for (const piece of pieces) if (isMeant(piece, range)) yield toChunk(piece, reader.takeLost());
          if (left.aborted || pieces.some(({ usec }) => usec >= (range.untilUsec ?? Number.POSITIVE_INFINITY))) return;
        }
        if (over) return;
        await this.#newsAfter(heard, left);
      }
    } finally {
      await reader.close();
    }
  }

  /** Opens the log at the place at which to begin; gives null where nothing has been stored. */
  async #openAtBeginning(range: LogRange): Promise<LogReader | null> {
    const reader = await LogReader.open(this.#directory);
    if (reader === null) return null;
    try {
      await reader.seek(await beginning(reader, range));
    } catch (error) {
      await reader.close();
      throw error;
    }
    range.begun?.();
    return reader;
  }

  /**
   * Waits for the first output, which makes the directory; all of it belongs to the range. Gives null where the
   * container exits without.
   */
  async #awaitFirst({ follow, begun }: LogRange, left: AbortSignal): Promise<LogReader | null> {
    begun?.();
    while (follow === true && !left.aborted) {
      const over = this.#ended;
      const heard = over ? 0 : this.#ask(); // before the look: output that is stored after the look is then told
      const reader = await LogReader.open(this.#directory);
      if (reader !== null || over) return reader;
      await this.#newsAfter(heard, left);
    }
    return null;
  }

  /**
   * Asks to be told of the next output, unless that was asked for already; gives how often output was told of so far.
   */
  #ask(): number {
    if (!this.#asked) {
      this.#asked = true;
      this.#watch();
    }
    return this.#heard;
  }

  #newsAfter(heard: number, left: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        this.#waiting.delete(wake);
        left.removeEventListener('abort', wake);
        resolve();
      };
      if (this.#heard > heard || left.aborted) return resolve();
      this.#waiting.add(wake);
      left.addEventListener('abort', wake);
    });
  }
}

async function beginning(reader: LogReader, { sinceUsec, untilUsec, tail, stream }: LogRange): Promise<Position> {
  const since = sinceUsec === undefined ? OLDEST : await positionSince(reader, sinceUsec);
  if (tail === undefined) return since;
  const end = untilUsec === undefined ? null : await positionSince(reader, untilUsec);
  return later(since, await positionOfLast(reader, tail, end, stream));
}

function later(a: Position, b: Position): Position {
  const isLater = b.number > a.number || (b.number === a.number && b.offset > a.offset);
  return isLater ? b : a;
}

function isMeant({ usec, stream }: Piece, range: LogRange): boolean {
  const { sinceUsec = 0, untilUsec = Number.POSITIVE_INFINITY } = range;
  return usec >= sinceUsec && usec < untilUsec && (range.stream ?? stream) === stream;
}

function toChunk({ usec, stream, data }: Piece, lost: boolean): LogChunk {
  return { time: formatUsec(usec), stream, data, ...(lost ? { lost: true } : {}) };
}
