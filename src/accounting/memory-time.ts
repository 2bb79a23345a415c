import type { Reading } from './rates.js';
import { type Columns, figure } from './usage.js';

/** What the memory of a container was worth until a moment of CLOCK_BOOTTIME. */
export interface MemoryTime {
  byteSeconds: number;
  usec: number;
}

/**
 * Adds the time between two readings, at the mean of their memory.current. Without a reading before, as after a restart of
 * the daemon, what the newer one says stands for the time since `sum.usec`. Nothing is added without a memory controller.
 */
export function addMemoryTime(sum: MemoryTime, before: Reading | null, now: Reading, columns: Columns): MemoryTime {
  const bytes = figure(now.row, columns, 'memory.current');
  if (bytes === null || now.usec <= sum.usec) return sum;
  const bytesBefore = before === null ? bytes : (figure(before.row, columns, 'memory.current') ?? bytes);
  const seconds = (now.usec - sum.usec) / 1e6;
  return { byteSeconds: sum.byteSeconds + ((bytes + bytesBefore) / 2) * seconds, usec: now.usec };
}
