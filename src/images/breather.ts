import { setImmediate as nextTurn } from 'node:timers/promises';

/** An import may use the event loop for this time before all others have their turn. */
const TURN_MS = 5;

/**
 * Gives a function to be called between the pieces of long work: when the work has used its time, the function waits for a turn of the event
 * loop. Work on data in memory never waits for the disk, and would use the event loop until its end.
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
