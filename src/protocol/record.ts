import type { Usage } from './usage.js';

/**
 * What one run of a container had used at a moment: who, what, when and how much, and of the last record why it ended. Every
 * figure counts from the start of the run, so that a bill is made of differences, and a record that is there twice adds nothing.
 */
export interface UsageRecord {
  /** `interim` while it runs, `final` once at its end. */
  type: 'interim' | 'final';
  /** A random UUID: the id of a container may be used again, that of a run is not. */
  run: string;
  id: string;
  owner: string | null;
  labels: Record<string, string>;
  created_at: string;
  /** null where it never ran. */
  started_at: string | null;
  /** The moment of the reading, of `final` that of the end: as Date.toISOString writes it. */
  at: string;
  /** Since the start on CLOCK_BOOTTIME, so that nobody who sets the clock changes a bill; null where it never ran. */
  duration_usec: number | null;
  /** null while it runs. */
  reason: string | null;
  code: number | null;
  signal: string | null;
  /** The counters; null where the start failed before there was a group. */
  usage: Usage | null;
  /** memory.current summed over time; null without the memory controller. */
  memory_byte_seconds: number | null;
}
