import { boottime, type Clock } from './clock.js';

/**
 * Runs `task` every `everyUsec` until `signal` is aborted, never twice at a time. Times that a long task has missed are left
 * out, so that nothing has to be caught up with; the others stay where they were.
 * @param firstUsec when it runs for the first time, from now
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

/** The first time after `now` of those that are `every` apart from `due`. Pure. */
export function nextDue(due: number, every: number, now: number): number {
  return due + every * Math.max(1, Math.ceil((now - due) / every));
}
