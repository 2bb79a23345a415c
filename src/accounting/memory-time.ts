import { type Columns, figure } from './columns.js';
import type { Reading } from './rates.js';

/** The memory time of a container up to a moment: the bytes it had, multiplied by the seconds for which it had them. */
export interface MemoryTime {
  byteSeconds: number;
  usec: number;
  /** Memory at that moment; null before the first reading. */
  bytes: number | null;
}

/**
 * Adds the time since the last reading, multiplied by the mean of the two readings of memory.current. Where the host
 * has no memory controller, nothing is added. After a restart of niwad the sum goes on from the reading that the
 * earlier niwad wrote to disk, so the time between the two daemons is an estimate.
 */
export function addMemoryTime(sum: MemoryTime, { usec, row }: Reading, columns: Columns): MemoryTime {
  const bytes = figure(row, columns, 'memory.current');
  return bytes === null ? sum : add(sum, usec, ((sum.bytes ?? bytes) + bytes) / 2, bytes);
}

/**
 * Adds the time until the end of the container. The kernel has freed the memory before the last reading, so that
 * reading cannot be used. The reading before stands in its place; where the container had no reading while it lived,
 * half of its peak.
 */
export function endMemoryTime(sum: MemoryTime, { usec, row }: Reading, columns: Columns): MemoryTime {
  const peak = figure(row, columns, 'memory.peak') ?? figure(row, columns, 'memory.current');
  return peak === null ? sum : add(sum, usec, sum.bytes ?? peak / 2, 0);
}

function add(sum: MemoryTime, usec: number, mean: number, bytes: number): MemoryTime {
  if (usec <= sum.usec) return sum;
  return { byteSeconds: sum.byteSeconds + (mean * (usec - sum.usec)) / 1e6, usec, bytes };
}
