import { boottime, type Clock } from './clock.js';

/** One try of a check. It ends at the latest when `signal` is aborted. An error counts as "not ready". */
export type Check = (signal: AbortSignal) => Promise<boolean>;

/**
 * A single try fails after this time, so that a workload that accepts a connection but never answers is tried again.
 */
const TRY_USEC = 5e6;

/**
 * Tries a check every `everyUsec` until the check succeeds.
 * @param untilUsec the time of the clock at which the tries end
 * @returns the time of the clock at which the container was ready; null if the tries ended before, or `signal` was
 *   aborted
 */
export async function awaitReady(
  { everyUsec, untilUsec }: { everyUsec: number; untilUsec: number },
  check: Check,
  signal: AbortSignal,
  clock: Clock = boottime,
): Promise<number | null> {
  for (;;) {
    const begun = clock.nowUsec();
    const limit = Math.min(TRY_USEC, untilUsec - begun);
    if (signal.aborted || limit <= 0) return null;
    if (await tryOnce(check, limit, signal, clock)) return clock.nowUsec();
    const next = Math.min(begun + everyUsec, untilUsec);
    await clock.sleep(Math.max(0, next - clock.nowUsec()), signal);
  }
}

async function tryOnce(check: Check, limitUsec: number, signal: AbortSignal, clock: Clock): Promise<boolean> {
  const over = new AbortController();
  const end = () => over.abort();
  signal.addEventListener('abort', end, { once: true });
  const late = clock.sleep(limitUsec, over.signal).then(() => false);
  try {
    return await Promise.race([check(over.signal).catch(() => false), late]);
  } finally {
    signal.removeEventListener('abort', end);
    end();
  }
}
