import { type Found, findAll } from './found.js';
import { type Kind, type Line, readLines, toLine } from './line.js';
import { type Place, type Segment, Segments } from './segments.js';

/** A run of a container. As long as both are the same, a line with the changes suffices. */
export interface Run {
  id: string;
  run: string;
  /** Compared as an object: a changed spec is another one. */
  spec: object;
}

/** The lines of a container. */
interface Known {
  /** That of the line with the whole state; null if there is no such line. */
  run: Run | null;
  state: Place | null;
  change: Place | null;
}

/**
 * The states of containers, as lines that are only appended: the whole state once for each run, and for each change the
 * fields that may change. A line says all of them, so that the last one suffices.
 */
export class Journal {
  readonly #segments: Segments;
  readonly #known = new Map<string, Known>();
  /** Lines that say that a container is forgotten, and that could not be written yet. */
  readonly #unwritten: string[] = [];
  #nextNumber = 1;
  /** The last segment with a damaged line; null if nothing is to be removed. */
  #damaged: Segment | null = null;

  /**
   * @param directory for the segments; made where it is missing
   * @param aside the directory for segments that cannot be read; made when it is needed
   * @throws what node:fs throws
   */
  constructor(directory: string, aside: string) {
    this.#segments = new Segments(directory, aside);
  }

  /**
   * Writes what is new of a container.
   * @param state gives the whole state as JSON
   * @param change gives what may change during a run, as JSON
   * @throws what node:fs throws; then the state before is still valid
   */
  write(run: Run, state: () => string, change: () => string): void {
    const known = this.#known.get(run.id);
    // a place without a segment: the line is lost
    if (known?.run?.run === run.run && known.run.spec === run.spec && (known.state?.segment ?? null) !== null) {
      const place = this.#append(run, 'change', change());
      if (known.change !== null) this.#segments.drop(known.change);
      known.change = place;
      return;
    }
    const place = this.#append(run, 'state', state());
    if (known !== undefined) this.#drop(known);
    this.#known.set(run.id, { run, state: place, change: null });
  }

  /** Writes that a container is forgotten. @throws what node:fs throws; then the next write repeats it */
  remove(id: string): void {
    const known = this.#known.get(id);
    if (known === undefined) return;
    this.#drop(known);
    this.#known.delete(id);
    const { run = '' } = known.run ?? {};
    this.#unwritten.push(toLine({ n: this.#nextNumber++, id, run, kind: 'removed' }, 'true'));
    this.#writeRemoved();
  }

  /**
   * Reads what an earlier daemon wrote. Then {@link know} has to be called for each container that was found.
   * @throws what node:fs throws if the directory cannot be read
   */
  async load(): Promise<{ found: Found[]; stray: Line[] }> {
    const lines = (await this.#segments.read()).flatMap(readLines);
    this.#nextNumber = 1 + lines.reduce((last, { header }) => Math.max(last, header?.n ?? 0), 0);
    this.#damaged = lines.findLast(({ isWhole }) => !isWhole)?.segment ?? null;
    this.#known.clear();
    return findAll(lines);
  }

  /** Takes a container that was found. @param run null if its state has to be written anew */
  know({ id, lines }: Found, run: Run | null): void {
    const hold = (kind: 'state' | 'change') => {
      const line = run === null ? undefined : lines.find(({ header }) => header?.kind === kind);
      return line === undefined ? null : this.#segments.hold(line.segment, line.offset, line.text.length + 1);
    };
    this.#known.set(id, { run, state: hold('state'), change: hold('change') });
  }

  /**
   * Removes the damaged lines. To be called when the damaged states have been written anew. Does nothing where a state
   * could not be written, for example on a full disk: what is damaged may be all that is left of it. Then, and where
   * the removal fails, the next daemon finds the damage again.
   */
  removeDamaged(): void {
    if (this.#damaged === null) return;
    try {
      this.#segments.renew(this.#damaged);
      this.#damaged = null;
    } catch {
      // see above
    }
  }

  /**
   * Says whether another program has removed or changed a part of the journal. The next {@link write} of a container
   * whose lines are lost then writes its whole state.
   * @throws what node:fs throws
   */
  isLost(): boolean {
    return this.#segments.findLost();
  }

  #append({ id, run }: Run, kind: Kind, json: string): Place {
    try {
      this.#writeRemoved();
      return this.#segments.append(toLine({ n: this.#nextNumber++, id, run, kind }, json));
    } catch (error) {
      this.#damaged = null; // see removeDamaged()
      throw error;
    }
  }

  /** Such a line does not live: it goes with the oldest segment, and all that it removes has gone before. */
  #writeRemoved(): void {
    for (let line = this.#unwritten[0]; line !== undefined; line = this.#unwritten[0]) {
      this.#segments.drop(this.#segments.append(line));
      this.#unwritten.shift();
    }
  }

  #drop({ state, change }: Known): void {
    for (const place of [state, change]) if (place !== null) this.#segments.drop(place);
  }
}
