import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Exit } from '../../protocol/container.js';
import { messageOf, NiwaError } from '../../protocol/errors.js';
import type {
  EventGap,
  EventPosition,
  RuntimeEvent,
  RuntimeEventType,
  ServiceEventFields,
  Subject,
} from '../../protocol/events.js';
import type { ExecEnded, ExecStarted } from '../../protocol/exec.js';
import { FairTurns } from '../../turns/fair-turns.js';
import { type Earlier, type Entry, EventFiles, endName, type FileLimits } from './event-files.js';
import { LastNumber } from './last-number.js';
import { RecentEvents, type RecentLimits } from './recent-events.js';
import { Waiters } from './waiters.js';

export interface EventLogOptions {
  /** The directory of the stored events. */
  directory: string;
  /** This file contains the last sequence number; its directory is on a file system in memory. */
  numberFile: string;
  bootId: string;
  log: Logger;
  /** How much is kept on disk and in memory; set only by tests. */
  onDisk?: FileLimits;
  inMemory?: RecentLimits;
}

/** 8 MiB, and 65,536 events. */
const ON_DISK: FileLimits = { segments: 16, segmentBytes: 512 * 1024, segmentEvents: 4096 };
const IN_MEMORY: RecentLimits = { stored: 512, events: 16_384, bytes: 8 * 1024 * 1024 };

/** Events that are told within this time after the first are written together with it. */
const WRITE_AFTER_MS = 20;
const RETRY_MS = 1000;
/** How long a stopping daemon waits for a disk that does not answer. */
const CLOSE_PATIENCE_MS = 2000;
/**
 * After the death of the machine the last used number is unknown, so this many numbers are skipped. niwad tells fewer
 * events than this between two syncs of the disk.
 */
const UNKNOWN_AFTER_CRASH = 1_000_000;

/** What an event tells besides its subject. */
export type EventFields = { exit?: Exit } | { exec: ExecStarted | ExecEnded } | ServiceEventFields;

/**
 * After so many events that do not fit, a reader who asks for positions is told the number of the last. Far fewer than
 * are kept: a reader that comes back with that number finds the events behind it.
 */
const POSITION_EVERY = 100;

/** Which events a reader asks for. */
export interface Wanted {
  /** The name of the caller who reads; null for root. */
  reader: string | null;
  /** Only events with a larger sequence number. */
  after: number;
  /** Only events that are not older, in the format of Date.toISOString(); null for events of any age. */
  since: string | null;
  /** Ends the stream at this time, in the same format, without later events; null for no end. */
  until?: string | null;
  /** Whether the reader is told how far niwad has read where events do not fit, see {@link POSITION_EVERY}. */
  positions?: boolean;
  fits(event: RuntimeEvent): boolean;
}

/**
 * The events of containers, in order, each with the next sequence number. The newest events are kept on disk, and for a
 * short time in memory. Each reader has its own position and continues when its peer takes more data, so a slow reader
 * uses no memory and delays no other reader. If events are missing behind the last event that a reader got, the reader
 * gets a gap line, so that a loss is always visible.
 */
export class EventLog {
  readonly #files: EventFiles;
  readonly #number: LastNumber;
  readonly #log: Logger;
  readonly #recent: RecentEvents;
  /** What earlier daemons have told; null when that was asked for. */
  #earlier: Earlier | null;
  #last: number;
  #stored: number;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<void> | null = null;
  #failing = false;
  /**
   * Readers take turns, each of which reads one piece from disk: one turn at a time for root, and one for all other
   * callers. A caller with many readers delays another caller by one piece at most.
   */
  readonly #pieces = new FairTurns({ root: 1, callers: 1, each: 1 });
  /** The readers that wait for the next event. */
  readonly #idle = new Waiters();

  private constructor(
    { log, inMemory = IN_MEMORY }: EventLogOptions,
    files: EventFiles,
    number: LastNumber,
    earlier: Earlier,
  ) {
    this.#files = files;
    this.#number = number;
    this.#log = log;
    this.#recent = new RecentEvents(inMemory);
    this.#earlier = earlier;
    this.#last = earlier.last;
    this.#stored = earlier.last;
  }

  /**
   * Opens the log and continues the numbers of earlier daemons. If the last used number is unknown, as after the death
   * of the machine, a million numbers are skipped.
   * @throws NiwaError HOST_ERROR
   */
  static async open(options: EventLogOptions): Promise<EventLog> {
    const { directory, numberFile, bootId, onDisk = ON_DISK } = options;
    try {
      const files = new EventFiles(directory, onDisk);
      const earlier = await files.open();
      const number = new LastNumber(numberFile, bootId);
      const used = number.found ?? (earlier.last === 0 ? 0 : earlier.last + UNKNOWN_AFTER_CRASH);
      return new EventLog(options, files, number, { ...earlier, last: Math.max(earlier.last, used) });
    } catch (error) {
      throw new NiwaError('HOST_ERROR', `cannot open the events in ${directory}: ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  /** The sequence number of the last event; 0 if there has never been an event. */
  get last(): number {
    return this.#last;
  }

  /** Gives an event its sequence number and its time, keeps the event, and wakes the readers. */
  add(type: RuntimeEventType, { id, owner, labels, service }: Subject, fields?: EventFields): RuntimeEvent {
    const seq = this.#last + 1;
    const plain = { seq, type, id, at: new Date().toISOString(), owner, labels, service: service?.name ?? null };
    const event = Object.assign(plain, fields) as RuntimeEvent; // two spreads in a literal take several times as long
    this.#count(seq);
    this.#recent.add({ event, text: `${JSON.stringify(event)}\n` });
    this.#idle.wake();
    this.#writeSoon(WRITE_AFTER_MS);
    return event;
  }

  /**
   * Gives lines of JSON with their line ends, as fast as the reader asks for them: the stored events that are wanted,
   * then each new event, and gap lines.
   * @param left aborted when the reader has gone: ends the generator
   */
  async *follow(
    { reader, after, since, until = null, positions, fits }: Wanted,
    left: AbortSignal,
  ): AsyncGenerator<string> {
    left.addEventListener('abort', () => this.#idle.wake(), { once: true });
    let done = Math.min(after, this.#last);
    // such a number belongs to another count, so the reader knows none of this log's events
    if (after > done && done > 0) yield gapLine(1, done);
    let told = done; // the number of which the last line has told
    for (;;) {
      const before = done;
      const missing = (this.#recent.first ?? this.#last + 1) - 1; // the last number that is not in memory
      for await (const { event, text } of this.#behind(done, reader)) {
        if (until !== null && event.at > until) return;
        const tooOld = since !== null && event.at < since;
        if (event.seq > done + 1 && !tooOld) yield gapLine(done + 1, event.seq - 1);
        done = event.seq;
        const wanted = !tooOld && fits(event);
        if (wanted) yield text;
        else if (positions === true && done >= told + POSITION_EVERY) yield positionLine(done);
        else continue;
        told = done;
      }
      if (left.aborted) return;
      if (done !== before) continue;
      if (done === this.#last) {
        if (until !== null && Date.now() > Date.parse(until)) return;
        await this.#idle.wait(until);
      } else if (done < missing) {
        yield gapLine(done + 1, missing); // these events are neither in memory nor on disk
        done = missing;
      }
    }
  }

  /**
   * Gives the ends of containers among the newest events that earlier daemons have stored; to be called once, because
   * the list is not kept.
   * @returns a function: whether an end was told; true if the end is older than the events that were searched
   */
  recentEnds(): (id: string, exit: Exit) => boolean {
    if (this.#earlier === null) throw new Error('the ends of earlier daemons were asked for already');
    const { last, oldest, ends } = this.#earlier;
    this.#earlier = null;
    // Earlier daemons have told events, but none is on disk: niwad was killed before it could store the first events
    // that it told.
    if (oldest === null) return () => last === 0;
    return (id, exit) => exit.at < oldest || ends.has(endName(id, exit));
  }

  /** Stores the events that are not on disk yet, and closes the files. */
  async close(): Promise<void> {
    clearTimeout(this.#timer);
    const store = async () => {
      await this.#store();
      await this.#files.close();
    };
    const stored = store().catch((error: unknown) => this.#log.error({ err: error }, messageOf(error)));
    await Promise.race([stored, sleep(CLOSE_PATIENCE_MS, undefined, { ref: false })]);
  }

  /** Gives the events behind a sequence number: from memory, or from disk if they are no longer in memory. */
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

  /**
   * Stores events until none is left that is not on disk. Events that the disk refuses are tried again as long as they
   * are in memory.
   */
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

function positionLine(seq: number): string {
  const position: EventPosition = { type: 'position', seq };
  return `${JSON.stringify(position)}\n`;
}

function gapLine(from: number, to: number): string {
  const gap: EventGap = { type: 'gap', from, to };
  return `${JSON.stringify(gap)}\n`;
}
