import { boottime, type Clock } from './clock.js';

/**
 * Runs `task` every `everyUsec` until `signal` is aborted. Two runs never overlap: if a run takes longer than the
 * interval, the missed times are skipped, and later runs stay at their old times.
 * @param firstUsec the time from now to the first run
 */
export async function repeat(
  everyUsec: number,
  firstUsec: number,
  task: () => Promise<void>,
  signal: AbortSignal,
  clock: Clock = boottime,
): Promise<void> {
  let due = clock.nowUsec() + firstUsec;
  for (;;) {
    await clock.sleep(due - clock.nowUsec(), signal);
    if (signal.aborted) return;
    await task();
    due = nextDue(due, everyUsec, clock.nowUsec());
  }
}

/** The first time after `now` that is a multiple of `every` after `due`. Pure. */
export function nextDue(due: number, every: number, now: number): number {
  return due + every * Math.max(1, Math.ceil((now - due) / every));
}
