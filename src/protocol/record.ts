import type { Usage } from './usage.js';

/**
 * What one run of a container has used up to a moment: which container, whose, when, how much; in the last record also
 * why the run ended. Every figure counts from the start of the run. So a bill is made of differences, and a record that
 * is there twice adds nothing.
 */
export interface UsageRecord {
  /** `interim`: the container still runs. `final`: the run has ended; each run has one such record. */
  type: 'interim' | 'final';
  /** A random UUID that names the run. The id of a container may be used again, but never that of a run. */
  run: string;
  id: string;
  owner: string | null;
  /** The service of which the container is an instance; null for none, missing in records of an older niwad. */
  service?: string | null;
  labels: Record<string, string>;
  created_at: string;
  /** null where the container was never started. */
  started_at: string | null;
  /** The moment of the reading; in a `final` record, the moment of the end. In the form of Date.toISOString. */
  at: string;
  /**
   * The time since the start on CLOCK_BOOTTIME, so that setting the wall clock does not change a bill; null where it
   * was never started.
   */
  duration_usec: number | null;
  /** Why the run ended; null while the container runs. */
  reason: string | null;
  code: number | null;
  signal: string | null;
  /** The counters of the kernel; null where the start failed before the container had a group. */
  usage: Usage | null;
  /**
   * The bytes of memory.current, multiplied by the seconds for which the container had them; null without the memory
   * controller.
   */
  memory_byte_seconds: number | null;
}
