import type { Filter } from '../../spec/filter.js';
import { type Extract, FINAL, FIRST } from './extract.js';
import type { ExtractSource } from './extract-file.js';
import { FIGURE_NAMES } from './figures.js';

/** What a row is the sum of: a container, its id in its engine, an owner, a service, or a value of a label. */
export type UsageKey = 'container' | 'engine-id' | 'owner' | 'service' | { label: string };

/** Which records are summed, and into which rows. */
export interface UsageQuery {
  /**
   * The period: `since` belongs to it, `until` does not. As Date.toISOString writes them; null where that side is open.
   */
  since: string | null;
  until: string | null;
  by: UsageKey;
  filter: Filter;
}

/**
 * The sums of one key: the figures, then the peak of memory, then the number of runs. NaN for a figure that no record
 * has.
 */
type Row = number[];
const PEAK = FIGURE_NAMES.length;
const RUNS = PEAK + 1;
/**
 * Once the keys of a page have more characters than this in all, the page takes fewer keys; the next page has the
 * others.
 */
const MOST_KEY_LENGTH = 2 ** 25;
/** The flags of a record that is both the first and the final record of its run. */
const ALONE = FIRST | FINAL;

/** The columns and lists that a page reads of an extract. Those that the query does not use may be empty. */
export type PageColumns = Pick<
  Extract,
  'at' | 'figures' | 'peak' | 'flags' | 'run' | 'owner' | 'service' | 'engineId' | 'labels' | 'id'
> &
  Pick<Extract, 'runs' | 'ids' | 'owners' | 'services' | 'engineIds' | 'labelSets' | 'skipped'>;

/**
 * Sums usage for the first keys behind a given key. Only so many keys are held, so the memory is bounded, however many
 * keys the ledger has. A record belongs to the period in which its `at` is, so the sums of adjacent periods add up to
 * the sum of the whole. Extracts have to come in the order of the ledger.
 */
export class UsagePage {
  readonly #query: UsageQuery;
  readonly #since: number;
  readonly #until: number;
  readonly #after: string | undefined;
  #most: number;
  readonly #rows = new Map<string | null, Row>();
  /** The length of all keys of the page together. */
  #length = 0;
  /** The last key that this page takes: keys behind it are left out. undefined as long as no key was left out. */
  #last: string | null | undefined;
  /** The runs that are counted already, and of which further records may come. */
  readonly #counted = new Set<string>();
  #skipped = 0;

  /**
   * @param after only keys behind this key
   * @param most at most so many keys
   */
  constructor(query: UsageQuery, after: string | undefined, most: number) {
    this.#query = query;
    this.#since = query.since === null ? Number.NEGATIVE_INFINITY : Date.parse(query.since);
    this.#until = query.until === null ? Number.POSITIVE_INFINITY : Date.parse(query.until);
    this.#after = after;
    this.#most = most;
  }

  /** Says whether an extract may have records of the period. */
  wants({ earliest, latest }: Pick<Extract, 'earliest' | 'latest'>): boolean {
    return earliest === null || latest === null || (latest >= this.#since && earliest < this.#until);
  }

  /** Adds the records of the next extract. */
  add(extract: PageColumns): void {
    this.#skipped += extract.skipped;
    const { at, flags, run, runs, owner, service, labels } = extract;
    const { places, keys } = this.#keysOf(extract);
    const { filter } = this.#query;
    const owners = filter.owner === undefined ? null : extract.owners.map((name) => name === filter.owner);
    const services = filter.service === undefined ? null : extract.services.map((name) => name === filter.service);
    const sets = filter.labels.size === 0 ? null : extract.labelSets.map((set) => hasAll(set, filter.labels));
    const rows: (Row | null | undefined)[] = [];
    for (let i = 0; i < at.length; i++) {
      const time = at[i] as number;
      if (time < this.#since || time >= this.#until) continue;
      if (owners !== null && !owners[owner[i] as number]) continue;
      if (services !== null && !services[service[i] as number]) continue;
      if (sets !== null && !sets[labels[i] as number]) continue;
      const place = places[i] as number;
      let row = rows[place];
      if (row === undefined) {
        row = this.#rowOf(keys[place] ?? null);
        rows[place] = row;
        if (this.#length > MOST_KEY_LENGTH) this.#most = Math.min(this.#most, Math.ceil(this.#rows.size / 4));
        if (this.#rows.size >= 2 * this.#most) {
          this.#trim();
          rows.length = 0;
        }
      }
      if (row === null) continue;
      if (this.#isNew(flags[i] as number, runs[run[i] as number])) row[RUNS] = (row[RUNS] as number) + 1;
      addFigures(row, extract, i);
    }
  }

  /**
   * Gives the rows in the order of their keys; the row without a key comes last. `more`: there are keys behind them.
   */
  finish(): { rows: { key: string | null; row: Row }[]; more: boolean; skipped: number } {
    const keys = [...this.#rows.keys()].sort(compareKeys);
    const rows = keys.slice(0, this.#most).map((key) => ({ key, row: this.#rows.get(key) as Row }));
    return { rows, more: this.#last !== undefined || keys.length > this.#most, skipped: this.#skipped };
  }

  #keysOf({ id, ids, engineId, engineIds, owner, owners, service, services, labels, labelSets }: PageColumns): {
    places: Uint32Array;
    keys: readonly (string | null)[];
  } {
    const { by } = this.#query;
    if (by === 'container') return { places: id, keys: ids };
    if (by === 'engine-id') return { places: engineId, keys: engineIds };
    if (by === 'owner') return { places: owner, keys: owners };
    if (by === 'service') return { places: service, keys: services };
    return { places: labels, keys: labelSets.map((set) => labelOf(set, by.label)) };
  }

  #rowOf(key: string | null): Row | null {
    if (this.#after !== undefined && key !== null && key <= this.#after) return null;
    if (this.#last !== undefined && compareKeys(key, this.#last) > 0) return null;
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const row: Row = FIGURE_NAMES.map(() => Number.NaN);
    row.push(Number.NaN, 0);
    this.#rows.set(key, row);
    this.#length += key?.length ?? 0;
    return row;
  }

  /**
   * Removes the last keys, so that at most `most` keys and the allowed length remain. Rows of removed keys are not
   * needed again.
   */
  #trim(): void {
    const keys = [...this.#rows.keys()].sort(compareKeys);
    for (const key of keys.slice(this.#most)) this.#rows.delete(key);
    this.#last = keys[this.#most - 1];
    this.#length = [...this.#rows.keys()].reduce((sum, key) => sum + (key?.length ?? 0), 0);
  }

  /** Says whether a run has not been counted in this page yet. */
  #isNew(flags: number, name = ''): boolean {
    if (flags === ALONE) return true;
    const counted = this.#counted.has(name);
    if ((flags & FINAL) !== 0) this.#counted.delete(name);
    else if (!counted) this.#counted.add(name);
    return !counted;
  }
}

function addFigures(row: Row, { at, figures, peak }: PageColumns, i: number): void {
  for (let f = 0, from = i; f < PEAK; f++, from += at.length) {
    const value = figures[from] as number;
    const sum = row[f] as number;
    if (!Number.isNaN(value)) row[f] = Number.isNaN(sum) ? value : sum + value;
  }
  const high = peak[i] as number;
  if (!Number.isNaN(high) && !(high <= (row[PEAK] as number))) row[PEAK] = high;
}

/** Compares keys by their UTF-16 units. null, the key of containers without owner or label, comes last. */
function compareKeys(a: string | null, b: string | null): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  return a < b ? -1 : a > b ? 1 : 0;
}

function hasAll(labels: Record<string, string>, wanted: ReadonlyMap<string, string>): boolean {
  return [...wanted].every(([name, value]) => labelOf(labels, name) === value);
}

function labelOf(labels: Record<string, string>, name: string): string | null {
  return Object.hasOwn(labels, name) ? (labels[name] ?? null) : null;
}

/**
 * Adds an extract to a page, if it may have records of the period; reads only the columns that the query needs.
 * @throws Damaged; nothing is added then
 */
export async function addToPage(page: UsagePage, query: UsageQuery, extract: ExtractSource): Promise<void> {
  if (!page.wants(extract.head)) return;
  const { by, filter } = query;
  const byLabel = typeof by === 'object';
  const byService = by === 'service' || filter.service !== undefined;
  const byOwner = by === 'owner' || filter.owner !== undefined;
  const withLabels = byLabel || filter.labels.size > 0;
  const none = new Uint32Array(0);
  const flags = await extract.column('flags');
  page.add({
    skipped: extract.head.skipped,
    flags,
    at: await extract.column('at'),
    figures: await extract.column('figures'),
    peak: await extract.column('peak'),
    run: await extract.column('run'),
    runs: flags.some((flag) => flag !== ALONE) ? await extract.list('runs') : [],
    id: by === 'container' ? await extract.column('id') : none,
    ids: by === 'container' ? await extract.list('ids') : [],
    owner: byOwner ? await extract.column('owner') : none,
    owners: byOwner ? await extract.list('owners') : [],
    service: byService ? await extract.column('service') : none,
    services: byService ? await extract.list('services') : [],
    engineId: by === 'engine-id' ? await extract.column('engineId') : none,
    engineIds: by === 'engine-id' ? await extract.list('engineIds') : [],
    labels: withLabels ? await extract.column('labels') : none,
    labelSets: withLabels ? await extract.list('labelSets') : [],
  });
}

/** Writes a row as JSON. */
export function rowText({ key, row }: { key: string | null; row: readonly number[] }): string {
  const named = Object.fromEntries(FIGURE_NAMES.map((name, i) => [name, row[i]]));
  const { duration_usec, ...others } = named;
  // JSON.stringify writes NaN as null.
  return JSON.stringify({ key, runs: row[RUNS], ...others, memory_peak_bytes: row[PEAK], duration_usec });
}
