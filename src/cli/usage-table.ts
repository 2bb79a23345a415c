import { formatBytes, formatDuration } from '../protocol/units.js';
import type { UsageAnswer, UsageRow } from '../protocol/usage-sums.js';
import { Table } from './table.js';
import { cut, plain } from './text.js';

const KEY_WIDTH = 40;
const GIB_HOUR = 2 ** 30 * 3600;

type CellOf = (row: UsageRow) => string;
const figure = (value: number | null, format: (value: number) => string) => (value === null ? '-' : format(value));
const seconds = (usec: number) => `${(usec / 1e6).toFixed(2)}s`;

/** The columns of figures. Those with a number are left out on a narrow terminal, the highest first. */
const COLUMNS: [heading: string, cell: CellOf, spare?: number][] = [
  ['RUNS', ({ runs }) => String(runs)],
  ['TIME', ({ duration_usec }) => figure(duration_usec, formatDuration)],
  ['CPU TIME', ({ cpu_usage_usec }) => figure(cpu_usage_usec, seconds)],
  ['THROTTLED', ({ throttled_usec }) => figure(throttled_usec, seconds), 7],
  ['READ', ({ rbytes }) => figure(rbytes, formatBytes), 6],
  ['WRITTEN', ({ wbytes }) => figure(wbytes, formatBytes), 5],
  ['READS', ({ rios }) => figure(rios, String), 9],
  ['WRITES', ({ wios }) => figure(wios, String), 8],
  ['RECEIVED', ({ network_rx_bytes }) => figure(network_rx_bytes, formatBytes), 3],
  ['SENT', ({ network_tx_bytes }) => figure(network_tx_bytes, formatBytes), 2],
  ['MEMORY GIB*H', ({ memory_byte_seconds: used }) => figure(used, (value) => (value / GIB_HOUR).toFixed(3))],
  ['PEAK', ({ memory_peak_bytes }) => figure(memory_peak_bytes, formatBytes), 4],
];

/**
 * Makes the table of sums. A dash means that no record has the figure; in the row of the rest, that the rest has no
 * owner or label.
 */
export function usageTable({ by, rows }: UsageAnswer): Table {
  const key = plain(by.replace(/^label:/, ''));
  const columns = [
    { heading: cut(key, KEY_WIDTH).toUpperCase(), least: 12 },
    ...COLUMNS.map(([heading, , spare]) => ({ heading, right: true, ...(spare === undefined ? {} : { spare }) })),
  ];
  const lines = rows.map((row) => [cut(plain(row.key ?? '-'), KEY_WIDTH), ...COLUMNS.map(([, cell]) => cell(row))]);
  return new Table(columns, lines);
}

const FIELDS = [
  'key',
  'runs',
  'cpu_usage_usec',
  'cpu_user_usec',
  'cpu_system_usec',
  'throttled_usec',
  'rbytes',
  'wbytes',
  'rios',
  'wios',
  'network_rx_bytes',
  'network_tx_bytes',
  'memory_byte_seconds',
  'memory_peak_bytes',
  'duration_usec',
] as const satisfies (keyof UsageRow)[];

/**
 * Writes the figures as CSV, quoted as in RFC 4180, with a line of headings unless `headings` is false; null is an
 * empty field.
 */
export function usageCsv({ rows }: UsageAnswer, { headings = true } = {}): string {
  const lines = rows.map((row) => FIELDS.map((name) => csvField(row[name])).join(','));
  return (headings ? [FIELDS.join(','), ...lines] : lines).join('\n');
}

/** An empty text is quoted, so that it differs from null. */
function csvField(value: string | number | null): string {
  if (value === null) return '';
  const text = String(value);
  return text === '' || /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
