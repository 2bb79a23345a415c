import type { Stats } from '../protocol/stats.js';
import { formatBytes } from '../protocol/units.js';
import { table } from './table.js';

const HEADINGS = ['ID', 'STATE', 'CPU', 'CPU TIME', 'THROTTLED', 'MEMORY', 'PIDS', 'READ', 'WRITTEN', 'WRITE/S'];

/** Makes a table with one reading of each container; a dash means that the host does not have the figure. */
export function statsTable(all: Stats[]): string {
  const rows = all.map(({ id, state, usage: { cpu, memory, pids, io }, rates }) => [
    id,
    state,
    rates === null ? '-' : figure(rates.cpu, (cores) => `${(cores * 100).toFixed(1)}%`),
    seconds(cpu.usage_usec),
    seconds(cpu.throttled_usec),
    figure(memory?.current, formatBytes),
    figure(pids?.current, String),
    figure(io?.rbytes, formatBytes),
    figure(io?.wbytes, formatBytes),
    figure(rates?.wbytes_per_second, formatBytes),
  ]);
  return table(HEADINGS, rows, [2, 3, 4, 5, 6, 7, 8, 9]);
}

function seconds(usec: number | null): string {
  return figure(usec, (value) => `${(value / 1e6).toFixed(2)}s`);
}

function figure(value: number | null | undefined, format: (value: number) => string): string {
  return value === null || value === undefined ? '-' : format(value);
}
