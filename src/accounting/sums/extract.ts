import type { UsageRecord } from '../../protocol/record.js';
import { FIGURE_NAMES, nothingUsed, type Used, usedSince } from './figures.js';

/** Bit of `flags`: the record is the final record of its run. */
export const FINAL = 1;
/** Bit of `flags`: no earlier record of its run is known. */
export const FIRST = 2;

/**
 * The records of a segment in the form that sums need: columns with one number for each record. A text is stored once
 * in a list, and a column has its place there. The figures of a record are what its run has used since its record
 * before. A figure that is null in the record is NaN here.
 */
export interface Extract {
  /** The number of the segment before, whose runs go on in this one; null where there was none. */
  base: number | null;
  /** How many bytes of the segment the extract covers. */
  bytes: number;
  /** How many damaged lines are in these bytes. */
  skipped: number;
  /** The earliest and the latest `at`, in milliseconds since 1970; null without records. */
  earliest: number | null;
  latest: number | null;
  at: Float64Array;
  /**
   * The figures of all records: first those of the first name in {@link FIGURE_NAMES}, then those of the second, and so
   * on.
   */
  figures: Float64Array;
  peak: Float64Array;
  flags: Uint8Array;
  run: Uint32Array;
  id: Uint32Array;
  owner: Uint32Array;
  service: Uint32Array;
  engineId: Uint32Array;
  labels: Uint32Array;
  /** For each run, a hash of its name, by which the run is found fast. Two runs may have the same hash. */
  runKeys: Float64Array;
  runs: string[];
  ids: string[];
  owners: (string | null)[];
  services: (string | null)[];
  /** The ids of containers in their engines; null for those that no engine has made. */
  engineIds: (string | null)[];
  labelSets: Record<string, string>[];
  /** For each run that goes on after this segment, the highest figures so far. */
  going: [run: string, used: Used][];
}

/** An extract without its columns and lists. */
export type ExtractHead = Pick<Extract, 'base' | 'bytes' | 'skipped' | 'earliest' | 'latest'>;

/**
 * What has to be known of the segments before: the runs that go on, and those ended runs of which another record may
 * come.
 */
export interface Before {
  base: number | null;
  going: [run: string, used: Used][];
  ended: Iterable<string>;
}

/**
 * Makes the extract of a segment from its records, in their order. Records of a run that come after its final record do
 * not count, and a record that is there twice has a difference of nothing. So neither is billed.
 */
export class ExtractBuilder {
  readonly #base: number | null;
  readonly #going: Map<string, Used>;
  readonly #ended: Set<string>;
  #skipped = 0;
  readonly #at: number[] = [];
  readonly #figures: number[][] = FIGURE_NAMES.map(() => []);
  readonly #peak: number[] = [];
  readonly #flags: number[] = [];
  readonly #run = new Texts<string>();
  readonly #id = new Texts<string>();
  readonly #owner = new Texts<string | null>();
  readonly #service = new Texts<string | null>();
  readonly #engineId = new Texts<string | null>();
  readonly #labels = new Texts<string>();

  constructor({ base, going, ended }: Before) {
    this.#base = base;
    this.#going = new Map(going.map(([run, used]) => [run, [...used]]));
    this.#ended = new Set(ended);
  }

  /** Goes on from an extract that covers the beginning of the segment. */
  static of(extract: Extract): ExtractBuilder {
    const { base, going, runs, run, flags, at } = extract;
    const builder = new ExtractBuilder({ base, going, ended: finalRuns(extract) });
    builder.#skipped = extract.skipped;
    append(builder.#at, at);
    for (const [i, column] of builder.#figures.entries())
      append(column, extract.figures.subarray(i * at.length, (i + 1) * at.length));
    append(builder.#peak, extract.peak);
    append(builder.#flags, flags);
    builder.#run.take(run, runs);
    builder.#id.take(extract.id, extract.ids);
    builder.#owner.take(extract.owner, extract.owners);
    builder.#service.take(extract.service, extract.services);
    builder.#engineId.take(extract.engineId, extract.engineIds);
    builder.#labels.take(
      extract.labels,
      extract.labelSets.map((set) => JSON.stringify(set)),
    );
    return builder;
  }

  /** Takes the next record. */
  add(record: UsageRecord): void {
    const { run, type, usage } = record;
    if (this.#ended.has(run)) return;
    const before = this.#going.get(run);
    const used = before ?? nothingUsed();
    const since = usedSince(used, record);
    if (type === 'interim') {
      this.#going.set(run, used);
    } else {
      this.#going.delete(run);
      this.#ended.add(run);
    }
    this.#at.push(Date.parse(record.at));
    for (const [i, column] of this.#figures.entries()) column.push(since[i] ?? Number.NaN);
    this.#peak.push(usage?.memory?.peak ?? Number.NaN);
    this.#flags.push((type === 'final' ? FINAL : 0) | (before === undefined ? FIRST : 0));
    this.#run.add(run);
    this.#id.add(record.id);
    this.#owner.add(record.owner);
    this.#service.add(record.service ?? null);
    this.#engineId.add(record.oci?.id ?? null);
    this.#labels.add(JSON.stringify(record.labels));
  }

  /** Counts a damaged line. */
  skip(): void {
    this.#skipped++;
  }

  /** Gives the extract. @param bytes how many bytes of the segment it covers */
  finish(bytes: number): Extract {
    const times = this.#at.filter((at) => !Number.isNaN(at));
    const runs = this.#run.texts;
    return {
      base: this.#base,
      bytes,
      skipped: this.#skipped,
      earliest: times.length === 0 ? null : times.reduce((a, b) => Math.min(a, b)),
      latest: times.length === 0 ? null : times.reduce((a, b) => Math.max(a, b)),
      at: Float64Array.from(this.#at),
      figures: Float64Array.from(this.#figures.flat()),
      peak: Float64Array.from(this.#peak),
      flags: Uint8Array.from(this.#flags),
      run: this.#run.places(),
      id: this.#id.places(),
      owner: this.#owner.places(),
      service: this.#service.places(),
      engineId: this.#engineId.places(),
      labels: this.#labels.places(),
      runKeys: Float64Array.from(runs, runKey),
      runs,
      ids: this.#id.texts,
      owners: this.#owner.texts,
      services: this.#service.texts,
      engineIds: this.#engineId.texts,
      labelSets: this.#labels.texts.map((text) => JSON.parse(text) as Record<string, string>),
      going: [...this.#going],
    };
  }
}

/** A list of different texts, and for each record the place of its text in the list. */
class Texts<T> {
  readonly #places = new Map<T, number>();
  readonly #of: number[] = [];

  add(text: T): void {
    const place = this.#places.get(text) ?? this.#places.size;
    this.#places.set(text, place);
    this.#of.push(place);
  }

  take(places: Uint32Array, texts: readonly T[]): void {
    for (const [place, text] of texts.entries()) this.#places.set(text, place);
    append(this.#of, places);
  }

  get texts(): T[] {
    return [...this.#places.keys()];
  }

  places(): Uint32Array {
    return Uint32Array.from(this.#of);
  }
}

function append(to: number[], from: ArrayLike<number>): void {
  for (let i = 0; i < from.length; i++) to.push(from[i] as number);
}

/** Gives the runs whose final record is in an extract. */
export function finalRuns({ flags, run, runs }: Pick<Extract, 'flags' | 'run' | 'runs'>): string[] {
  return [...run].filter((_, i) => ((flags[i] ?? 0) & FINAL) !== 0).map((place) => runs[place] ?? '');
}

/** Hashes a text to a number of 53 bits: two rounds of FNV-1a with different initial values. */
export function runKey(run: string): number {
  let low = 0x811c9dc5;
  let high = 0x1b873593;
  for (let i = 0; i < run.length; i++) {
    low = Math.imul(low ^ run.charCodeAt(i), 0x01000193);
    high = Math.imul(high ^ run.charCodeAt(i), 0x01000193);
    high ^= low >>> 15;
  }
  return (high >>> 11) * 2 ** 32 + (low >>> 0);
}
