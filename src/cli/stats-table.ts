import type { Stats } from '../protocol/stats.js';
import { formatBytes } from '../protocol/units.js';
import { STATE_STYLES } from './states.js';
import { Table } from './table.js';
import { span } from './top/line.js';

const COLUMNS = [
  { heading: 'ID', least: 16 },
  { heading: 'STATE' },
  { heading: 'CPU', right: true },
  { heading: 'CPU TIME', right: true },
  { heading: 'THROTTLED', right: true, spare: 3 },
  { heading: 'MEMORY', right: true },
  { heading: 'PIDS', right: true, spare: 1 },
  { heading: 'READ', right: true, spare: 4 },
  { heading: 'WRITTEN', right: true, spare: 2 },
  { heading: 'WRITE/S', right: true, spare: 5 },
];

/** Makes a table with one reading of each container; a dash means that the host does not have the figure. */
export function statsTable(all: readonly Stats[]): Table {
  const rows = all.map(({ id, state, usage: { cpu, memory, pids, io }, rates }) => [
    id,
    span(state, STATE_STYLES[state]),
    rates === null ? '-' : figure(rates.cpu, (cores) => `${(cores * 100).toFixed(1)}%`),
    seconds(cpu.usage_usec),
    seconds(cpu.throttled_usec),
    figure(memory?.current, formatBytes),
    figure(pids?.current, String),
    figure(io?.rbytes, formatBytes),
    figure(io?.wbytes, formatBytes),
    figure(rates?.wbytes_per_second, formatBytes),
  ]);
  return new Table(COLUMNS, rows);
}

function seconds(usec: number | null): string {
  return figure(usec, (value) => `${(value / 1e6).toFixed(2)}s`);
}

function figure(value: number | null | undefined, format: (value: number) => string): string {
  return value === null || value === undefined ? '-' : format(value);
}
