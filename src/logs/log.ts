import type { LogChunk, StreamName } from '../protocol/logs.js';
import { formatUsec } from './entry.js';
import { LogReader, OLDEST, type Position } from './reader.js';
import { positionOfLast, positionSince } from './search.js';
import type { Piece } from './segment.js';

/** Which part of a log; times are microseconds since 1970. */
export interface LogRange {
  sinceUsec?: number | undefined;
  /** The first moment that is not meant any more. */
  untilUsec?: number | undefined;
  /** Only the last lines. */
  tail?: number | undefined;
  stream?: StreamName | undefined;
  /** Go on until the container has exited. */
  follow?: boolean | undefined;
  /** Called when the place to begin at is found: what comes from then on is not missed. */
  begun?: (() => void) | undefined;
}

/** The stored output of one container. Readers have places of their own: none of them holds anything back. */
export class ContainerLog {
  readonly #directory: string;
  readonly #watch: () => void;
  readonly #waiting = new Set<() => void>();
  /** How often something new was heard of. */
  #heard = 0;
  #asked = false;
  #ended = false;

  /**
   * @param directory where it is stored
   * @param watch asks to {@link hear} of the next output that is stored, once
   */
  constructor(directory: string, watch: () => void) {
    this.#directory = directory;
    this.#watch = watch;
  }

  /** Something was stored since it was asked for. */
  hear(): void {
    this.#heard++;
    this.#asked = false;
    for (const wake of this.#waiting) wake();
  }

  /** Everything is stored. */
  end(): void {
    this.#ended = true;
    this.hear();
  }

  /**
   * Reads a part of the log, each piece when it is asked for.
   * @param left ends the reading where nobody reads any more
   * @throws errors of the file system
   */
  async *read(range: LogRange, left: AbortSignal): AsyncGenerator<LogChunk> {
    const reader = (await this.#openAtBeginning(range)) ?? (await this.#awaitFirst(range, left));
    if (reader === null) return;
    try {
      while (!left.aborted) {
        const over = this.#ended || range.follow !== true;
        const heard = over ? 0 : this.#ask(); // before the reading, so that nothing comes in between
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

  /** Opens what is stored at the place to begin at; gives null where nothing has been stored. */
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

  /** Waits for the first output, which makes the directory, and all of which is meant; gives null where none comes. */
  async #awaitFirst({ follow, begun }: LogRange, left: AbortSignal): Promise<LogReader | null> {
    begun?.();
    while (follow === true && !left.aborted) {
      const over = this.#ended;
      const heard = over ? 0 : this.#ask(); // before the look, so that nothing comes in between
      const reader = await LogReader.open(this.#directory);
      if (reader !== null || over) return reader;
      await this.#newsAfter(heard, left);
    }
    return null;
  }

  /** Asks for news; gives how often there were some. */
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
