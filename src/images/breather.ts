import { setImmediate as nextTurn } from 'node:timers/promises';

/** The longest time for which an import uses the event loop before all other work has its turn. */
const TURN_MS = 5;

/**
 * Gives a function that has to be called between the pieces of long work. When the work has used its time, the function
 * waits until the event loop has done its other work. Without it, work on data in memory would block the event loop
 * until its end, since it never waits for the disk.
 */
export function breather(): () => Promise<void> | undefined {
  let since = performance.now();
  return () => {
    if (performance.now() - since < TURN_MS) return undefined;
    return nextTurn().then(() => {
      since = performance.now();
    });
  };
}
