import { type Columns, figure } from './columns.js';
import type { Reading } from './rates.js';

/** What the memory of a container was worth until a moment of CLOCK_BOOTTIME, and how much it had then. */
export interface MemoryTime {
  byteSeconds: number;
  usec: number;
  /** null before the first reading. */
  bytes: number | null;
}

/**
 * Adds the time since the reading before, at the mean of the two readings of memory.current. Nothing is added without a memory
 * controller. A daemon that takes a container over goes on from the sum and the reading that the one before wrote down: what
 * was between is estimated.
 */
export function addMemoryTime(sum: MemoryTime, { usec, row }: Reading, columns: Columns): MemoryTime {
  const bytes = figure(row, columns, 'memory.current');
  return bytes === null ? sum : add(sum, usec, ((sum.bytes ?? bytes) + bytes) / 2, bytes);
}

/**
 * Adds the time until the end. The last reading is taken when all memory is given back: what the container had before stands
 * for it; for one that was never read in its life half of its peak.
 */
export function endMemoryTime(sum: MemoryTime, { usec, row }: Reading, columns: Columns): MemoryTime {
  const peak = figure(row, columns, 'memory.peak') ?? figure(row, columns, 'memory.current');
  return peak === null ? sum : add(sum, usec, sum.bytes ?? peak / 2, 0);
}

function add(sum: MemoryTime, usec: number, mean: number, bytes: number): MemoryTime {
  if (usec <= sum.usec) return sum;
  return { byteSeconds: sum.byteSeconds + (mean * (usec - sum.usec)) / 1e6, usec, bytes };
}
