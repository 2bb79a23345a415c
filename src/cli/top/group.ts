import type { ServiceStatus } from '../../protocol/services.js';
import type { Stats } from '../../protocol/stats.js';
import type { Usage } from '../../protocol/usage.js';
import { greatest } from './figures.js';
import type { Row } from './row.js';

/** The rows of services in top: each stands above the rows of its instances, and has their sums. */

const NO_USAGE: Usage = {
  cpu: {
    usage_usec: null,
    user_usec: null,
    system_usec: null,
    nr_periods: null,
    nr_throttled: null,
    throttled_usec: null,
    nr_bursts: null,
    burst_usec: null,
  },
  io: null,
  memory: null,
  network: null,
  pids: null,
  pressure: { cpu: null, memory: null, io: null },
};

/**
 * Gives the row of a service. Its id ends in a slash, which no id of a container has.
 * @param instances the rows of its instances, also of those that have just ended
 */
export function groupRow(service: ServiceStatus, instances: readonly Row[]): Row {
  const live = instances.filter(({ endedAt }) => endedAt === null);
  const lengths = live.map(({ cpuHistory }) => cpuHistory.length);
  const cpuHistory = Array.from({ length: Math.max(0, ...lengths) }, (_, i) =>
    total(live.map((row) => row.cpuHistory.at(i - Math.max(...lengths)) ?? null)),
  );
  return {
    id: `${service.name}/`,
    state: 'running',
    stats: sumOf(live.map(({ stats }) => stats)),
    status: null,
    cpuHistory,
    endedAt: null,
    exit: null,
    service,
  };
}

/** Adds readings up; of pressures and of the throttled part, which do not add up, the highest counts. */
function sumOf(all: readonly Stats[]): Stats {
  const [first] = all;
  const frame = { id: '', at: first?.at ?? '', state: 'running' as const };
  if (first === undefined) return { ...frame, usage: NO_USAGE, rates: null };
  const known = all.flatMap(({ rates }) => (rates === null ? [] : [rates]));
  return {
    ...frame,
    usage: merged(all.map(({ usage }) => usage)) as Usage,
    rates: known.length === 0 ? null : (merged(known) as NonNullable<Stats['rates']>),
  };
}

const HIGHEST = ['avg10', 'throttled', 'interval_usec'];

function merged(values: readonly unknown[], name = ''): unknown {
  const known = values.filter((value) => value !== null && value !== undefined);
  const [first] = known;
  if (first === undefined) return null;
  if (Array.isArray(first)) return [];
  if (typeof first === 'number') {
    const numbers = known as number[];
    return HIGHEST.includes(name) ? greatest(...numbers) : total(numbers);
  }
  const objects = known as Record<string, unknown>[];
  return Object.fromEntries(
    Object.keys(first as object).map((key) => [
      key,
      merged(
        objects.map((object) => object[key]),
        key,
      ),
    ]),
  );
}

function total(values: readonly (number | null)[]): number | null {
  return values.reduce((sum, value) => (value === null ? sum : (sum ?? 0) + value), null);
}
