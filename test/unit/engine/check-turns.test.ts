import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { CheckTurns } from '../../../src/engine/check-turns.js';

it('lets containers that held up a check wait for each other, and for nobody else', async () => {
  const turns = new CheckTurns(5);
  const hold = () => sleep(50);
  const slow = [{}, {}, {}];
  await Promise.all(slow.map((each) => turns.run(each, hold)));
  let done = 0;
  const held = slow.map((each) => turns.run(each, hold).then(() => done++));
  const quick = {};
  for (let round = 0; round < 3; round++) expect(await turns.run(quick, async () => round)).toBe(round);
  expect(done).toBe(0);
  await held[0];
  expect(done).toBe(1);
  await Promise.all(held);
});

it('counts a check that failed late as one that was slow', async () => {
  const turns = new CheckTurns(5);
  const slow = {};
  const fail = async () => {
    await sleep(50);
    throw new Error('failed');
  };
  await expect(turns.run(slow, fail)).rejects.toThrow('failed');
  let done = 0;
  const held = [0, 1].map(() => turns.run(slow, () => sleep(50)).then(() => done++));
  await held[0];
  expect(done).toBe(1);
  await Promise.all(held);
});
