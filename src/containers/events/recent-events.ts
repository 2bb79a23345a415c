import type { Entry } from './event-files.js';

export interface RecentLimits {
  /** How many events stay in memory once they are stored. */
  stored: number;
  /**
   * The largest number of events in memory, and of their bytes. Beyond that the oldest events are dropped, even if they
   * are not stored.
   */
  events: number;
  bytes: number;
}

/** The newest events, in memory, with consecutive sequence numbers. */
export class RecentEvents {
  readonly #entries = new Map<number, Entry>();
  readonly #limits: RecentLimits;
  #bytes = 0;
  #first = 0;

  constructor(limits: RecentLimits) {
    this.#limits = limits;
  }

  /** The sequence number of the oldest event in memory; undefined if there is no event. */
  get first(): number | undefined {
    return this.#entries.size === 0 ? undefined : this.#first;
  }

  get(seq: number): Entry | undefined {
    return this.#entries.get(seq);
  }

  /** Adds the next event. */
  add(entry: Entry): void {
    if (this.#entries.size === 0) this.#first = entry.event.seq;
    this.#entries.set(entry.event.seq, entry);
    this.#bytes += entry.text.length;
    const { events, bytes } = this.#limits;
    while (this.#entries.size > events || this.#bytes > bytes) this.#drop();
  }

  /** Gives all events in memory behind a sequence number. */
  behind(seq: number): Entry[] {
    const found: Entry[] = [];
    let next = Math.max(seq + 1, this.#first);
    for (let entry = this.get(next); entry !== undefined; entry = this.get(++next)) found.push(entry);
    return found;
  }

  /** Called when all events up to a number are stored: drops all of them but the newest few. */
  release(stored: number): void {
    while (this.#entries.size > this.#limits.stored && this.#first <= stored) this.#drop();
  }

  #drop(): void {
    this.#bytes -= this.get(this.#first)?.text.length ?? 0;
    this.#entries.delete(this.#first++);
  }
}
