import type { ServiceStatus } from '../../protocol/services.js';
import { greatest } from './figures.js';
import { groupRow } from './group.js';
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
 * the figure come last, also in reverse order; rows with the same value are sorted by id. The rows of a service's
 * instances stand below the row of the service.
 * @param now in milliseconds since 1970
 */
export function ordered(
  rows: Iterable<Row>,
  services: readonly ServiceStatus[],
  order: Order,
  now: number,
): readonly Row[] {
  const wanted = order.filter.toLowerCase();
  const fits = (row: Row) => wanted === '' || textsOf(row).some((text) => text.toLowerCase().includes(wanted));
  const byService = instancesOf(rows, new Set(services.map(({ name }) => name)));
  const below = new Map<Row, readonly Row[]>();
  for (const service of services) {
    const all = byService.get(service.name) ?? [];
    const group = groupRow(service, all);
    const instances = all.filter(fits);
    if (instances.length > 0 || fits(group)) below.set(group, sorted(instances, order, now));
  }
  const single = (byService.get(null) ?? []).filter(fits);
  return sorted([...single, ...below.keys()], order, now).flatMap((row) => [row, ...(below.get(row) ?? [])]);
}

/** Gives the rows by their service; null for those of none that is known. */
function instancesOf(rows: Iterable<Row>, known: ReadonlySet<string>): Map<string | null, Row[]> {
  const found = new Map<string | null, Row[]>();
  for (const row of rows) {
    const name = row.status?.spec.service?.name ?? null;
    const key = name !== null && known.has(name) ? name : null;
    const list = found.get(key) ?? [];
    list.push(row);
    found.set(key, list);
  }
  return found;
}

function sorted(rows: readonly Row[], { sort, reverse }: Order, now: number): Row[] {
  const sign = reverse ? -1 : 1;
  const weighed = rows.map((row) => ({ row, weight: sort === 'id' ? 0 : WEIGHTS[sort](figuresOf(row, now)) }));
  const byId = (a: Row, b: Row) => (a.id < b.id ? -1 : 1) * (sort === 'id' ? sign : 1);
  weighed.sort((a, b) => {
    if (a.weight === b.weight) return byId(a.row, b.row);
    if (a.weight === null || b.weight === null) return a.weight === null ? 1 : -1;
    return (b.weight - a.weight) * sign;
  });
  return weighed.map(({ row }) => row);
}

function sum(...figures: (number | null)[]): number | null {
  const known = figures.filter((figure) => figure !== null);
  return known.length === 0 ? null : known.reduce((total, figure) => total + figure, 0);
}

function textsOf({ id, status, service }: Row): string[] {
  const { owner, labels } = service ?? status?.spec ?? { owner: null, labels: {} };
  return [id, status?.oci?.id ?? '', owner ?? '', ...Object.entries(labels).map(([name, value]) => `${name}=${value}`)];
}
