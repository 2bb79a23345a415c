import { expect, it } from 'vitest';
import { Filler } from '../../../src/pools/filler.js';

/** Of a filler that has just started something: whether a container is made ahead in the same turn, and how long after. */
async function fill(isNeeded: boolean): Promise<{ atOnce: boolean; afterMs: number }> {
  const filler = new Filler(() => 0);
  const begun = performance.now();
  await filler.first(async () => {});
  let at: number | undefined;
  const filled = filler.fill(
    null,
    async () => {
      at = performance.now();
    },
    () => isNeeded,
  );
  await new Promise(setImmediate);
  const atOnce = at !== undefined;
  await filled;
  return { atOnce, afterMs: (at ?? 0) - begun };
}

it('makes a container ahead when what was started has had time to end and to be answered', async () => {
  expect((await fill(false)).afterMs).toBeGreaterThanOrEqual(15);
});

it('makes a container ahead at once where none is ready', async () => {
  expect((await fill(true)).atOnce).toBe(true);
});

it('waits for no more than 100 ms where containers are asked for all the time', async () => {
  const filler = new Filler(() => 1);
  const begun = performance.now();
  const make = async () => performance.now() - begun;
  expect(await filler.fill(null, make, () => true)).toBeGreaterThanOrEqual(100);
});
