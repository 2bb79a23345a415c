import { type Figures, figuresOf, type Row } from './row.js';

export const SORT_KEYS = ['cpu', 'memory', 'io', 'network', 'pressure', 'throttled', 'left', 'id'] as const;
export type SortKey = (typeof SORT_KEYS)[number];

/** The value by which rows are sorted, the largest first. */
const WEIGHTS: Record<Exclude<SortKey, 'id'>, (figures: Figures) => number | null> = {
  cpu: ({ cpu }) => cpu,
  memory: ({ memoryBytes }) => memoryBytes,
  io: ({ readPerSecond, writtenPerSecond }) => sum(readPerSecond, writtenPerSecond),
  network: ({ receivedPerSecond, sentPerSecond }) => sum(receivedPerSecond, sentPerSecond),
  pressure: ({ pressure }) => greatest(pressure.cpu, pressure.memory, pressure.io),
  throttled: ({ throttled }) => throttled,
  left: ({ leftMs }) => (leftMs === null ? null : -leftMs),
};

export interface Order {
  sort: SortKey;
  reverse: boolean;
  /** Text that the id, the owner or a label must contain, in upper or lower case; empty for all rows. */
  filter: string;
}

/**
 * Gives the rows that match the filter, sorted: the busiest first, the nearest deadline first, or by id. Rows without
 * the figure come last, also in reverse order; rows with the same value are sorted by id.
 * @param now in milliseconds since 1970
 */
export function ordered(rows: Iterable<Row>, { sort, reverse, filter }: Order, now: number): Row[] {
  const wanted = filter.toLowerCase();
  const sign = reverse ? -1 : 1;
  const weighed = [...rows]
    .filter((row) => wanted === '' || textsOf(row).some((text) => text.toLowerCase().includes(wanted)))
    .map((row) => ({ row, weight: sort === 'id' ? 0 : WEIGHTS[sort](figuresOf(row, now)) }));
  const byId = (a: Row, b: Row) => (a.id < b.id ? -1 : 1) * (sort === 'id' ? sign : 1);
  weighed.sort((a, b) => {
    if (a.weight === b.weight) return byId(a.row, b.row);
    if (a.weight === null || b.weight === null) return a.weight === null ? 1 : -1;
    return (b.weight - a.weight) * sign;
  });
  return weighed.map(({ row }) => row);
}

/** The largest of the values that are not null. */
export function greatest(...figures: (number | null)[]): number | null {
  const known = figures.filter((figure) => figure !== null);
  return known.length === 0 ? null : Math.max(...known);
}

function sum(...figures: (number | null)[]): number | null {
  const known = figures.filter((figure) => figure !== null);
  return known.length === 0 ? null : known.reduce((total, figure) => total + figure, 0);
}

function textsOf({ id, status }: Row): string[] {
  const labels = Object.entries(status?.spec.labels ?? {}).map(([name, value]) => `${name}=${value}`);
  return [id, status?.spec.owner ?? '', ...labels];
}
