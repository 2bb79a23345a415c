import { type Static, Type } from 'typebox';
import { type Filter, fits } from '../spec/filter.js';
import type { Period } from './ledger-reading.js';
import type { UsageRecord } from './record.js';

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

const Figure = Type.Union([Type.Number(), Type.Null()]);

/** What was used in a period by one container, owner or value of a label; a figure that no record has is null. */
export const UsageRowSchema = Type.Object({
  key: Type.Union([Type.String(), Type.Null()], { description: 'null: those without owner, or without the label' }),
  runs: Type.Integer({ description: 'the runs that have a record in the period' }),
  cpu_usage_usec: Figure,
  cpu_user_usec: Figure,
  cpu_system_usec: Figure,
  throttled_usec: Figure,
  rbytes: Figure,
  wbytes: Figure,
  rios: Figure,
  wios: Figure,
  network_rx_bytes: Figure,
  network_tx_bytes: Figure,
  memory_byte_seconds: Figure,
  memory_peak_bytes: Type.Union([Type.Number(), Type.Null()], { description: 'the highest of their runs, not a sum' }),
  duration_usec: Figure,
});
export type UsageRow = Static<typeof UsageRowSchema>;

/** What the rows stand for. */
export type UsageKey = 'container' | 'owner' | { label: string };

/** Which records count, and how they are put together. */
export interface UsageQuery extends Period {
  by: UsageKey;
  filter: Filter;
}

/**
 * Sums usage. A record stands for what its run has used since the record before it, and that belongs to the period in which the
 * record was made: so adjacent periods sum to the whole, nothing left out or twice. Records come in the order of the ledger,
 * those before the period with them. After the final record of a run nothing of it counts.
 */
export class UsageReport {
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

function keyOf({ id, owner, labels }: UsageRecord, by: UsageKey): string | null {
  if (by === 'container') return id;
  return by === 'owner' ? owner : labelOf(labels, by.label);
}

function labelOf(labels: Record<string, string>, name: string): string | null {
  return Object.hasOwn(labels, name) ? (labels[name] ?? null) : null;
}
