import { expect, it } from 'vitest';
import { Filler } from '../../../src/pools/filler.js';

/** Of a filler that has just started something: when a container is made ahead, in milliseconds after that. */
async function fill(isNeeded: boolean): Promise<{ atOnce: boolean; afterMs: number }> {
  const filler = new Filler(() => 0);
  await filler.first(async () => {});
  const begun = performance.now();
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
  const { atOnce, afterMs } = await fill(false);
  expect(atOnce).toBe(false);
  expect(afterMs).toBeGreaterThan(14); // 15 ms, as timers count them
});

it('makes a container ahead at once where none is ready', async () => {
  expect((await fill(true)).atOnce).toBe(true);
});

it('waits for no more than 100 ms while more and more is started', async () => {
  const filler = new Filler(() => 0);
  const start = () => filler.first(async () => {});
  await start();
  const busy = setInterval(() => void start(), 1);
  const begun = performance.now();
  await filler.fill(
    null,
    async () => {},
    () => false,
  );
  clearInterval(busy);
  expect(performance.now() - begun).toBeGreaterThan(90);
});
