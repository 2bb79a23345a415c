import type { UsageKey, UsageQuery } from '../../../src/accounting/sums/page.js';
import type { UsageRecord } from '../../../src/protocol/record.js';
import type { UsageRow } from '../../../src/protocol/usage-sums.js';
import { fits } from '../../../src/spec/filter.js';

/**
 * The sums of usage in the plainest way: one record after another, all in memory. What niwad does has to give the same.
 */

/** The figures that are summed, with where they are in a record. Each counts from the start of the run. */
const FIGURES = {
  cpu_usage_usec: ({ usage }) => usage?.cpu.usage_usec,
  cpu_user_usec: ({ usage }) => usage?.cpu.user_usec,
  cpu_system_usec: ({ usage }) => usage?.cpu.system_usec,
  throttled_usec: ({ usage }) => usage?.cpu.throttled_usec,
  rbytes: ({ usage }) => usage?.io?.rbytes,
  wbytes: ({ usage }) => usage?.io?.wbytes,
  rios: ({ usage }) => usage?.io?.rios,
  wios: ({ usage }) => usage?.io?.wios,
  network_rx_bytes: ({ usage }) => usage?.network?.rx_bytes,
  network_tx_bytes: ({ usage }) => usage?.network?.tx_bytes,
  memory_byte_seconds: ({ memory_byte_seconds }) => memory_byte_seconds,
  duration_usec: ({ duration_usec }) => duration_usec,
} satisfies Record<string, (record: UsageRecord) => number | null | undefined>;

type FigureName = keyof typeof FIGURES;
const FIGURE_NAMES = Object.keys(FIGURES) as FigureName[];

/**
 * Sums usage. A record stands for what its run has used since the record before it, and that belongs to the period in
 * which the record was made: so adjacent periods sum to the whole, nothing left out or twice. Records come in the order
 * of the ledger, those before the period with them. After the final record of a run nothing of it counts.
 */
export class PlainReport {
  readonly #query: UsageQuery;
  readonly #rows = new Map<string | null, UsageRow>();
  readonly #going = new Map<string, Run>();
  readonly #ended = new Set<string>();

  constructor(query: UsageQuery) {
    this.#query = query;
  }

  /** Takes the next record. */
  add(record: UsageRecord): void {
    if (this.#ended.has(record.run)) return;
    const run = this.#going.get(record.run) ?? { used: {}, counted: false };
    const used = usedSince(run.used, record);
    if (record.type === 'interim') {
      this.#going.set(record.run, run);
    } else {
      this.#going.delete(record.run);
      this.#ended.add(record.run);
    }
    if (!this.#counts(record)) return;
    const row = this.#rowOf(record);
    if (!run.counted) row.runs++;
    run.counted = true;
    for (const name of FIGURE_NAMES) row[name] = sum(row[name], used[name]);
    const peak = record.usage?.memory?.peak ?? null;
    if (peak !== null) row.memory_peak_bytes = Math.max(row.memory_peak_bytes ?? 0, peak);
  }

  /** Gives the rows by their keys, the one without a key last. */
  rows(): UsageRow[] {
    return [...this.#rows.values()].sort(({ key: a }, { key: b }) => {
      if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
      return a < b ? -1 : a > b ? 1 : 0;
    });
  }

  #counts(record: UsageRecord): boolean {
    const { since, until, filter } = this.#query;
    return (since === null || record.at >= since) && (until === null || record.at < until) && fits(filter, record);
  }

  #rowOf(record: UsageRecord): UsageRow {
    const key = keyOf(record, this.#query.by);
    const known = this.#rows.get(key);
    if (known !== undefined) return known;
    const nothing = Object.fromEntries(FIGURE_NAMES.map((name) => [name, null])) as Figures;
    const row = { key, runs: 0, ...nothing, memory_peak_bytes: null };
    this.#rows.set(key, row);
    return row;
  }
}

type Figures = Record<FigureName, number | null>;

/** A run that goes on. */
interface Run {
  /** The figures of its last record. */
  used: Partial<Figures>;
  /** Whether a record of it was in the period. */
  counted: boolean;
}

/** Gives what was used since the last record, and remembers this one. */
function usedSince(last: Partial<Figures>, record: UsageRecord): Figures {
  const differences = FIGURE_NAMES.map((name) => {
    const now = FIGURES[name](record) ?? null;
    if (now === null) return [name, null];
    const before = last[name] ?? 0;
    last[name] = Math.max(before, now);
    return [name, Math.max(0, now - before)];
  });
  return Object.fromEntries(differences) as Figures;
}

function sum(a: number | null, b: number | null): number | null {
  return b === null ? a : (a ?? 0) + b;
}

function keyOf({ id, owner, service = null, labels, oci }: UsageRecord, by: UsageKey): string | null {
  if (by === 'container') return id;
  if (by === 'engine-id') return oci?.id ?? null;
  if (by === 'service') return service;
  return by === 'owner' ? owner : labelOf(labels, by.label);
}

function labelOf(labels: Record<string, string>, name: string): string | null {
  return Object.hasOwn(labels, name) ? (labels[name] ?? null) : null;
}
