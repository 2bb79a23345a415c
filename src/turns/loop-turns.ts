import { setImmediate } from 'node:timers/promises';
import { FairTurns } from './fair-turns.js';

/**
 * Short changes that sync a disk on the event loop. In each turn of the loop one is made for root and one for all
 * others, in fair turns of the callers: many at once hold up no other request.
 */
export class LoopTurns {
  readonly #turns = new FairTurns({ root: 1, callers: 1, each: 1 });

  /**
   * Makes a change when it is the caller's turn.
   * @param name of the caller, null for root, see {@link FairTurns}
   * @returns what `act` gives
   * @throws what `act` throws
   */
  async run<T>(name: string | null, act: () => T): Promise<T> {
    return await this.#turns.run(name, async () => {
      await setImmediate();
      return act();
    });
  }
}
