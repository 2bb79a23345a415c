import { NiwaError } from '../protocol/errors.js';
import { IDS_PER_CONTAINER } from '../spec/ids.js';

/** The host ids of one container: `size` ids from `start` on. */
export interface IdRange {
  start: number;
  size: number;
}

/**
 * Gives ranges of host ids to containers. No two ranges overlap. A range that was given back is used again after all
 * others.
 */
export class IdPool {
  #free: number[];
  readonly #taken = new Set<number>();

  /** @param start the first id of the pool @param count how many ranges it has */
  constructor(start: number, count: number) {
    this.#free = Array.from({ length: count }, (_, i) => start + i * IDS_PER_CONTAINER);
  }

  /** Takes a range. @throws NiwaError HOST_UNSUPPORTED where every range is in use */
  take(): IdRange {
    const range = this.next();
    this.#free.shift();
    this.#taken.add(range.start);
    return range;
  }

  /**
   * Gives the range that {@link take} would take now.
   * @throws NiwaError HOST_UNSUPPORTED where every range is in use
   */
  next(): IdRange {
    const [start] = this.#free;
    if (start === undefined)
      throw new NiwaError(
        'HOST_UNSUPPORTED',
        `all ${this.#taken.size} ranges of host ids are in use; enlarge idPool in niwad's configuration, or take userns "host"`,
      );
    return { start, size: IDS_PER_CONTAINER };
  }

  /** Marks the range of a container of an earlier daemon as used. That daemon's pool may have had another start. */
  claim({ start, size }: IdRange): void {
    const overlaps = (other: number) => other < start + size && other + IDS_PER_CONTAINER > start;
    if (this.#free.includes(start)) this.#taken.add(start);
    this.#free = this.#free.filter((other) => !overlaps(other));
  }

  /** Gives a range back. A range that is not in use is ignored. */
  release({ start }: IdRange): void {
    if (this.#taken.delete(start)) this.#free.push(start);
  }
}
