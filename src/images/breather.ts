import { setImmediate as nextTurn } from 'node:timers/promises';

/** So long one import may hold up everybody else. */
const TURN_MS = 5;

/**
 * Gives a function to be called between the pieces of long work: it lets all others have their turn when this one has lasted.
 * What comes out of memory never waits for the disk, and would otherwise go on to its end.
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
