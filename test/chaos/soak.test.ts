import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { cleanUpDaemons, newPlace, startDaemon } from '../integration/support/daemons.js';
import { LONG } from '../integration/support/host.js';
import { keeperOf } from '../integration/support/niwad.js';

/** In full by `npm run test:long`. Not in the virtual machine, where 10,000 would take an hour. */
const CYCLES = LONG ? 10_000 : 4_000;
/** As many as let the heap of JavaScript grow to what it needs. */
const WARM_UP = 2_000;
const AT_ONCE = 4;
/** What a garbage collector may hold on to at one moment and not at another. */
const NOISE_KIB = 32 * 1024;

cleanUpDaemons();

/** niwad collects its garbage in a second in which nothing happens: what is left then is not garbage. */
const QUIET_MS = 3000;

function look(pid: number) {
  const rssKib = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]);
  return { rssKib, descriptors: readdirSync(`/proc/${pid}/fd`).length };
}

test(`${CYCLES} starts and exits leave memory and descriptors as they were`, { timeout: 600_000 }, async () => {
  const place = newPlace();
  const niwad = await startDaemon(place);
  const keeper = keeperOf(place) ?? 0;
  const cycle = async (count: number) => {
    let next = 0;
    const worker = async () => {
      while (next < count) {
        const id = `cycle-${next++}`;
        await niwad.client.create({ id, process: { args: ['true'] } }, { wait: true });
        await niwad.client.remove(id);
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
  };
  await cycle(WARM_UP);
  await sleep(QUIET_MS);
  const warm = { niwad: look(niwad.pid), keeper: look(keeper) };
  const begin = Date.now();
  await cycle(CYCLES - WARM_UP);
  const rate = ((CYCLES - WARM_UP) / (Date.now() - begin)) * 1000;
  await sleep(QUIET_MS);
  const after = { niwad: look(niwad.pid), keeper: look(keeper) };
  console.log(`${rate.toFixed(0)} starts a second; after ${WARM_UP}:`, warm, `after ${CYCLES}:`, after);
  expect(after.niwad.descriptors).toBeLessThanOrEqual(warm.niwad.descriptors + 2); // connections of this test
  expect(after.keeper.descriptors).toBe(warm.keeper.descriptors);
  expect(after.niwad.rssKib).toBeLessThan(warm.niwad.rssKib + NOISE_KIB);
  expect(after.keeper.rssKib).toBeLessThan(warm.keeper.rssKib + 64);
  expect(niwad.ledger().filter(({ type }) => type === 'final')).toHaveLength(CYCLES);
});
