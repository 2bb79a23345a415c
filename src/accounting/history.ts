import type { HistoryPoint, Rates } from '../protocol/usage.js';

const POINTS = 60;
const FIELDS = ['at', 'cpu', 'throttled', 'memory_bytes', 'rbytes_per_second', 'wbytes_per_second'] as const;

const NO_POINTS = new Float64Array(0);

/**
 * The points of one container's last minute. They are kept in one block of memory, since a node has a thousand
 * containers; those that live shorter than two rounds of the sampler need none.
 */
export class History {
  #values = NO_POINTS;
  #count = 0;

  /** Adds a point; where 60 are kept, it replaces the oldest. */
  add(at: number, rates: Rates, memoryBytes: number | null): void {
    if (this.#values === NO_POINTS) this.#values = new Float64Array(POINTS * FIELDS.length);
    const { cpu, throttled, rbytes_per_second, wbytes_per_second } = rates;
    const start = (this.#count % POINTS) * FIELDS.length;
    const values = [at, cpu, throttled, memoryBytes, rbytes_per_second, wbytes_per_second]; // as FIELDS
    for (let i = 0; i < FIELDS.length; i++) this.#values[start + i] = values[i] ?? Number.NaN;
    this.#count++;
  }

  /** Adds a point that has the figures of the newest one; there must be one. */
  repeat(at: number): void {
    const newest = ((this.#count - 1) % POINTS) * FIELDS.length;
    const start = (this.#count % POINTS) * FIELDS.length;
    this.#values.copyWithin(start, newest, newest + FIELDS.length);
    this.#values[start] = at;
    this.#count++;
  }

  /** Gives the points, the oldest first. */
  points(): HistoryPoint[] {
    const kept = Math.min(this.#count, POINTS);
    return Array.from({ length: kept }, (_, i) => this.#pointAt((this.#count - kept + i) % POINTS));
  }

  #pointAt(index: number): HistoryPoint {
    const value = (i: number) => {
      const stored = this.#values[index * FIELDS.length + i] ?? Number.NaN;
      return Number.isNaN(stored) ? null : stored;
    };
    return Object.fromEntries(FIELDS.map((field, i) => [field, value(i)])) as unknown as HistoryPoint;
  }
}
