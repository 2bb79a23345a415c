import type {
  ApplyAnswer,
  HistoryEntry,
  Outdated,
  PortHolder,
  ServiceFigures,
  ServiceStatus,
  WakeAnswer,
  WakeLatency,
} from '../protocol/services.js';
import { formatDuration } from '../protocol/units.js';
import { type Cell, Table, table } from './table.js';
import { plain } from './text.js';
import { type Style, span } from './top/line.js';

/** What commands print about services. */

const STATE_STYLES: Record<ServiceStatus['state'], Style> = {
  cold: 'dim',
  waking: 'warning',
  serving: 'good',
  frozen: 'dim',
  failing: 'alarm',
  removing: 'warning',
};

/** Makes the table of services; `now` in milliseconds since 1970. */
export function serviceTable(services: readonly ServiceStatus[], now: number): Table {
  const columns = [
    { heading: 'NAME' },
    { heading: 'STATE' },
    { heading: 'ROUTED', right: true },
    { heading: 'SLOTS', spare: 2 },
    { heading: 'LISTEN', least: 12 },
    { heading: 'CONNECTIONS', right: true, spare: 3 },
    { heading: 'WAKES', right: true, spare: 4 },
    { heading: 'LAST WAKE', right: true, spare: 5 },
    { heading: 'FAILURES', least: 8 },
    { heading: 'OWNER', least: 8, spare: 1 },
  ];
  const rows = services.map((service): Cell[] => [
    service.name,
    span(stateWords(service, now), STATE_STYLES[service.state]),
    String(service.instances.filter(({ phase }) => phase === 'routed').length),
    service.hold === null ? String(service.slots) : `${service.slots} (hold ${service.hold})`,
    service.listen.join(' '),
    String(service.counters.connections),
    String(service.counters.wakes),
    service.last_wake === null ? '-' : formatDuration(service.last_wake.total_usec),
    failuresText(service, now),
    service.owner ?? '-',
  ]);
  return new Table(columns, rows);
}

/** How many starts have failed and instances were lost, and the last one: `3, start-timeout 5m ago`. */
function failuresText({ counters, last_failure }: ServiceStatus, now: number): string {
  const count = Object.values(counters.failures).reduce((sum, one) => sum + one, 0);
  if (last_failure === null) return count === 0 ? '-' : String(count);
  const { at, reason } = last_failure;
  return `${count}, ${reason} ${formatDuration(Math.max(0, now - Date.parse(at)) * 1000)} ago`;
}

function stateWords({ state, backoff_until }: ServiceStatus, now: number): string {
  if (state !== 'failing' || backoff_until === null) return state;
  return `${state}, again in ${formatDuration(Math.max(0, Date.parse(backoff_until) - now) * 1000)}`;
}

/** Says what an apply has done, or would do: a line, one for each change, and one for each outdated instance. */
export function applyText({ name, result, changes, outdated, dry_run }: ApplyAnswer): string {
  const words = dry_run && result !== 'unchanged' ? `would be ${result}` : result;
  return [
    `${name} ${words}`,
    ...changes.map(({ path, from, to }) => `  ${plain(path)}: ${valueText(from)} -> ${valueText(to)}`),
    ...outdated.map((one) => `  ${one.id} (revision ${one.revision}) ${fateText(one, dry_run)}`),
  ].join('\n');
}

/** What comes of an instance whose template is not that of the service any more. */
function fateText({ phase, deadline_at, replaced_now }: Outdated, isDryRun: boolean): string {
  if (!replaced_now) {
    const until =
      deadline_at === null ? 'keeps the old template, without an end' : `keeps the old template until ${deadline_at}`;
    return `${until}; --now replaces it`;
  }
  const is = isDryRun ? 'would be' : 'is';
  if (phase === 'frozen' || phase === 'starting' || phase === 'thawing') return `${is} ended now: it does not serve`;
  return `${is} replaced now`;
}

/** Writes a value as in a file: a text that can be taken for nothing else has no quotes. */
function valueText(value: unknown): string {
  if (value === null) return 'nothing';
  const isWord = typeof value === 'string' && /^[A-Za-z0-9_./:[\]-]+$/.test(value);
  if (isWord && !/^([0-9.]+|true|false|null|nothing)$/.test(value)) return value;
  return plain(JSON.stringify(value));
}

export function wakeText({ name, instance, woken, latency }: WakeAnswer): string {
  if (!woken) return `${name} serves: ${instance}`;
  return `${name} serves: ${instance}${latency === null ? '' : `, after ${latencyText(latency)}`}`;
}

/** Writes how long a wake took, with its phases. */
export function latencyText({ total_usec, start_usec, ready_usec, route_usec }: WakeLatency): string {
  const [total, start, ready, route] = [total_usec, start_usec, ready_usec, route_usec].map(milliseconds);
  return `${total} (start ${start}, ready ${ready}, route ${route})`;
}

/** A route takes less than a millisecond. */
function milliseconds(usec: number): string {
  return usec < 10_000 ? `${(usec / 1e3).toFixed(1)}ms` : formatDuration(usec);
}

export function scaleText({ name, hold, slots }: ServiceStatus): string {
  return hold === null ? `${name}: load decides` : `${name} holds ${hold} of ${slots} slots`;
}

/** Makes the table of decisions, the oldest first. */
export function historyTable(entries: readonly HistoryEntry[]): Table {
  const rows = entries.map(({ at, step, instance, why }) => [at, step, instance ?? '-', why]);
  return table(['TIME', 'STEP', 'INSTANCE', 'WHY'], rows);
}

/** Makes the table of the figures of each minute, the oldest first. */
export function figuresTable(figures: readonly ServiceFigures[]): Table {
  const headings = [
    ...['TIME', 'SECONDS', 'HELD', 'WAKES', 'SLOWEST WAKE', 'CONNECTIONS', 'INSTANCES', 'SLOTS USED'],
    ...['THROTTLED', 'REPLACED', 'REFUSED', 'FAILURES'],
  ];
  const rows = figures.map((one) => [
    one.at,
    String(one.seconds),
    String(one.requests_held),
    String(one.wakes),
    one.slowest_wake === null ? '-' : latencyText(one.slowest_wake),
    String(one.connections),
    countsText(one.instances),
    String(one.slots_used),
    one.throttled_share === null ? '-' : `${Math.round(one.throttled_share * 100)}%`,
    String(one.replacements),
    countsText(one.refused),
    countsText(one.failures),
  ]);
  return table(headings, rows, [1, 2, 3, 5, 7, 8, 9]);
}

/** Writes counts by their names: `routed 2, unrouted 1`. */
function countsText(counts: Readonly<Record<string, number>>): string {
  const texts = Object.entries(counts).map(([name, count]) => `${name} ${count}`);
  return texts.length === 0 ? '-' : texts.join(', ');
}

/** Makes the table of ports of the node. */
export function portTable(holders: readonly PortHolder[]): Table {
  const rows = holders.map(({ address, family, port, protocol, kind, name, target }) => [
    address ?? (family === 4 ? '0.0.0.0' : family === 6 ? '::' : '*'),
    String(port),
    protocol,
    kind,
    name,
    String(target),
  ]);
  return table(['ADDRESS', 'PORT', 'PROTOCOL', 'KIND', 'NAME', 'TARGET'], rows, [1, 5]);
}
