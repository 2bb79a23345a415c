import { expect, it } from 'vitest';
import { Turns } from '../../src/turns.js';

it('runs so many at once, in their order, also after one that failed', async () => {
  const turns = new Turns(2);
  const begun: number[] = [];
  const ends: (() => void)[] = [];
  const results = [0, 1, 2, 3].map((n) =>
    turns.run(async () => {
      begun.push(n);
      await new Promise<void>((resolve) => ends.push(resolve));
      if (n === 0) throw new Error('failed');
      return n;
    }),
  );
  const settled = Promise.allSettled(results);
  const soon = () => new Promise((resolve) => setImmediate(resolve));
  await soon();
  expect(begun).toEqual([0, 1]);
  ends[0]?.();
  await soon();
  expect(begun).toEqual([0, 1, 2]);
  for (let at = 1; at < 4; at++) {
    ends[at]?.();
    await soon();
  }
  expect((await settled).map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled', 'fulfilled']);
  expect(await turns.run(async () => 'again')).toBe('again');
});
