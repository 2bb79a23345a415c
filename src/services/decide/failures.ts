import type { EndCause, Failures } from './types.js';

/** An instance that has been ready for so long has proved that the service can start. */
const PROVEN_USEC = 10_000_000;

export const NO_FAILURES: Failures = { count: 0, lastUsec: 0 };

/**
 * The failures of a service after one of its instances has ended, or could not be made. The executor calls it at each
 * `end` step and at each end that nobody asked for, once for an instance.
 *
 * - `readyUsec`: when the instance was ready; null for never.
 * - `cause`: the cause of the `end` step; null for an instance that ended by itself, was removed by hand, or could not
 *   be made. The end of a lifetime is `replaced`.
 *
 * What ends by itself before it is ready or in its first ten seconds, or is sick by then, is a failure. What became
 * ready after the last failure, and was ready for longer or served until its end was decided, begins the count anew.
 * So a crash loop backs off as a start does that never gets ready, and the end of an old instance does not hide that
 * its successors fail.
 */
export function afterEnd(
  failures: Failures,
  nowUsec: number,
  readyUsec: number | null,
  cause: EndCause | null,
): Failures {
  const isProven = readyUsec !== null && nowUsec - readyUsec >= PROVEN_USEC;
  const isFailure = cause === null || cause === 'start-timeout' || cause === 'sick';
  if (isFailure && !isProven) return { count: failures.count + 1, lastUsec: nowUsec };
  return readyUsec !== null && readyUsec > failures.lastUsec ? NO_FAILURES : failures;
}
