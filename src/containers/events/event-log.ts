import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { messageOf, NiwaError } from '../../errors.js';
import type { Exit } from '../../protocol/container.js';
import type { EventGap, RuntimeEvent, RuntimeEventType, Subject } from '../../protocol/events.js';
import { FairTurns } from '../../turns.js';
import { type Entry, EventFiles, type FileLimits } from './event-files.js';
import { LastNumber } from './last-number.js';
import { RecentEvents, type RecentLimits } from './recent-events.js';

export interface EventLogOptions {
  /** Where events are kept. */
  directory: string;
  /** Has the last number; in a directory that is in memory. */
  numberFile: string;
  bootId: string;
  log: Logger;
  /** How much is kept on disk, and in memory; left out but for tests. */
  onDisk?: FileLimits;
  inMemory?: RecentLimits;
}

/** 8 MiB, and 65,536 events. */
const ON_DISK: FileLimits = { segments: 16, segmentBytes: 512 * 1024, segmentEvents: 4096 };
const IN_MEMORY: RecentLimits = { stored: 512, events: 16_384, bytes: 8 * 1024 * 1024 };

/** What is told within this is written at once. */
const WRITE_AFTER_MS = 20;
const RETRY_MS = 1000;
/** The end of a daemon waits so long for a disk that does not answer. */
const CLOSE_PATIENCE_MS = 2000;
/** More than are told between two syncs: the death of the machine takes away which of these numbers were used. */
const UNKNOWN_AFTER_CRASH = 1_000_000;

/** What a reader wants. */
export interface Wanted {
  /** Who reads, by any name; null for root. */
  reader: string | null;
  /** Only what has a larger number. */
  after: number;
  /** Only what is not older, as Date.toISOString() has it; null for any. */
  since: string | null;
  fits(event: RuntimeEvent): boolean;
}

/**
 * What happens to containers, in order, each event with the next number; the newest are kept, on disk and for a moment in memory.
 * Readers have a place of their own and go on when their peer takes more: a slow one costs no memory and holds nothing back. Where
 * events are missing behind the last that a reader got, it gets a gap: nothing is missing without a word.
 */
export class EventLog {
  readonly #files: EventFiles;
  readonly #number: LastNumber;
  readonly #log: Logger;
  readonly #recent: RecentEvents;
  /** The last number of earlier daemons. */
  readonly #before: number;
  #last: number;
  #stored: number;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | null = null;
  #failing = false;
  /** A piece of what is on disk has each turn, of root's readers and of all others': many readers hold up nobody longer than one. */
  readonly #pieces = new FairTurns({ root: 1, callers: 1, each: 1 });
  /** Wake the readers that have nothing to read. */
  readonly #idle = new Set<() => void>();

  private constructor(
    { log, inMemory = IN_MEMORY }: EventLogOptions,
    files: EventFiles,
    number: LastNumber,
    last: number,
  ) {
    this.#files = files;
    this.#number = number;
    this.#log = log;
    this.#recent = new RecentEvents(inMemory);
    this.#before = last;
    this.#last = last;
    this.#stored = last;
  }

  /**
   * Goes on behind what earlier daemons have told. Where nobody can say which number they used last, as after the death of the
   * machine, a million are left out.
   * @throws NiwaError HOST_ERROR
   */
  static async open(options: EventLogOptions): Promise<EventLog> {
    const { directory, numberFile, bootId, onDisk = ON_DISK } = options;
    try {
      const files = new EventFiles(directory, onDisk);
      const stored = await files.open();
      const number = new LastNumber(numberFile, bootId);
      const used = number.found ?? (stored === 0 ? 0 : stored + UNKNOWN_AFTER_CRASH);
      return new EventLog(options, files, number, Math.max(stored, used));
    } catch (error) {
      throw new NiwaError('HOST_ERROR', `cannot open the events in ${directory}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  /** The number of the last event; 0 where there has never been one. */
  get last(): number {
    return this.#last;
  }

  /** Gives an event its number and its time, keeps it, and wakes the readers. */
  add(type: RuntimeEventType, { id, owner, labels }: Subject, exit?: Exit): RuntimeEvent {
    const seq = this.#last + 1;
    const event = { seq, type, id, at: new Date().toISOString(), owner, labels, exit } as RuntimeEvent;
    this.#count(seq);
    this.#recent.add({ event, text: `${JSON.stringify(event)}\n` });
    this.#wake();
    this.#writeSoon(WRITE_AFTER_MS);
    return event;
  }

  /**
   * Gives lines of JSON with their ends, as fast as they are asked for: the events that are wanted, those that are kept and then
   * each as it comes; and gaps.
   * @param left ends it
   */
  async *follow({ reader, after, since, fits }: Wanted, left: AbortSignal): AsyncGenerator<string> {
    left.addEventListener('abort', () => this.#wake(), { once: true });
    let done = Math.min(after, this.#last);
    if (after > done && done > 0) yield gapLine(1, done); // that number was of another count: all before is unknown to the reader
    for (;;) {
      const before = done;
      const missing = (this.#recent.first ?? this.#last + 1) - 1; // if it is not on disk either
      for await (const { event, text } of this.#behind(done, reader)) {
        const tooOld = since !== null && event.at < since;
        if (event.seq > done + 1 && !tooOld) yield gapLine(done + 1, event.seq - 1);
        done = event.seq;
        if (!tooOld && fits(event)) yield text;
      }
      if (left.aborted) return;
      if (done !== before) continue;
      if (done === this.#last) await new Promise<void>((resolve) => this.#idle.add(resolve));
      else if (done < missing) {
        yield gapLine(done + 1, missing); // neither in memory nor on disk
        done = missing;
      }
    }
  }

  /**
   * Looks for the ends of containers among the newest events of earlier daemons on disk.
   * @returns whether an end was told; true where it is older than what was looked through
   */
  async recentEnds(): Promise<(id: string, exit: Exit) => boolean> {
    const ends = new Set<string>();
    // Where nothing is on disk and something was told, niwad was killed before it could store what it had told first.
    let oldest: string | null = this.#before > 0 ? '' : null;
    for await (const entries of this.#files.readRecent())
      for (const { event } of entries) {
        if (event.seq > this.#before) break; // this daemon has begun to tell
        oldest ||= event.at;
        if (event.type === 'exit') ends.add(`${event.id} ${event.exit.at}`);
      }
    return (id, { at }) => oldest === null || at < oldest || ends.has(`${id} ${at}`);
  }

  /** Stores what waits. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const store = async () => {
      await this.#store();
      await this.#files.close();
    };
    const stored = store().catch((error: unknown) => this.#log.error({ err: error }, messageOf(error)));
    await Promise.race([stored, sleep(CLOSE_PATIENCE_MS, undefined, { ref: false })]);
  }

  /** Gives what there is behind a number: from memory, or else from disk. */
  async *#behind(seq: number, reader: string | null): AsyncGenerator<Entry> {
    let next = this.#recent.get(seq + 1);
    if (next === undefined && seq < this.#last) yield* this.#onDisk(seq, reader);
    for (; next !== undefined; next = this.#recent.get(next.event.seq + 1)) yield next;
  }

  async *#onDisk(seq: number, reader: string | null): AsyncGenerator<Entry> {
    const pieces = this.#files.read(seq);
    try {
      for (;;) {
        const { value, done } = await this.#pieces.run(reader, () => pieces.next());
        if (done) return;
        yield* value;
      }
    } finally {
      await pieces.return(undefined);
    }
  }

  #wake(): void {
    for (const wake of this.#idle) wake();
    this.#idle.clear();
  }

  #count(seq: number): void {
    this.#last = seq;
    try {
      this.#number.write(seq);
    } catch (error) {
      this.#complain(error);
    }
  }

  #writeSoon(afterMs: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      void this.#store();
    }, afterMs).unref();
  }

  #store(): Promise<void> {
    this.#writing ??= this.#write().finally(() => {
      this.#writing = null;
    });
    return this.#writing;
  }

  /** Stores what waits, until nothing waits any more; what the disk does not take is tried again, as long as it is in memory. */
  async #write(): Promise<void> {
    try {
      for (
        let waiting = this.#recent.behind(this.#stored);
        waiting.length > 0;
        waiting = this.#recent.behind(this.#stored)
      ) {
        await this.#files.append(waiting);
        this.#stored = waiting.at(-1)?.event.seq ?? this.#stored;
        this.#recent.release(this.#stored);
      }
      this.#failing = false;
    } catch (error) {
      this.#complain(error);
      this.#writeSoon(RETRY_MS);
    }
  }

  #complain(error: unknown): void {
    if (!this.#failing) this.#log.error({ err: error }, `events wait to be stored: ${messageOf(error)}`);
    this.#failing = true;
  }
}

function gapLine(from: number, to: number): string {
  const gap: EventGap = { type: 'gap', from, to };
  return `${JSON.stringify(gap)}\n`;
}
