import type { Entry } from './event-files.js';

export interface RecentLimits {
  /** So many stay once they are stored. */
  stored: number;
  /** So many in all may be there, and so many bytes of them; then the oldest go, stored or not. */
  events: number;
  bytes: number;
}

/** The newest events, in memory: their numbers have no gap. */
export class RecentEvents {
  readonly #entries = new Map<number, Entry>();
  readonly #limits: RecentLimits;
  #bytes = 0;
  #first = 0;

  constructor(limits: RecentLimits) {
    this.#limits = limits;
  }

  /** The number of the oldest; undefined where there is none. */
  get first(): number | undefined {
    return this.#entries.size === 0 ? undefined : this.#first;
  }

  get(seq: number): Entry | undefined {
    return this.#entries.get(seq);
  }

  /** Takes the next event. */
  add(entry: Entry): void {
    if (this.#entries.size === 0) this.#first = entry.event.seq;
    this.#entries.set(entry.event.seq, entry);
    this.#bytes += entry.text.length;
    const { events, bytes } = this.#limits;
    while (this.#entries.size > events || this.#bytes > bytes) this.#drop();
  }

  /** Gives all behind a number that are there. */
  behind(seq: number): Entry[] {
    const found: Entry[] = [];
    let next = Math.max(seq + 1, this.#first);
    for (let entry = this.get(next); entry !== undefined; entry = this.get(++next)) found.push(entry);
    return found;
  }

  /** All up to a number are stored: only some of them stay. */
  release(stored: number): void {
    while (this.#entries.size > this.#limits.stored && this.#first <= stored) this.#drop();
  }

  #drop(): void {
    this.#bytes -= this.get(this.#first)?.text.length ?? 0;
    this.#entries.delete(this.#first++);
  }
}
