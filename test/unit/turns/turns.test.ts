import { expect, it } from 'vitest';
import { FairPlaces, FairTurns } from '../../../src/turns/fair-turns.js';
import { Turns } from '../../../src/turns/turns.js';

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

it('lets no caller take the turns of others, nor callers those of root', async () => {
  const turns = new FairTurns({ root: 1, callers: 2, each: 1 });
  const begun: string[] = [];
  const ends: Record<string, () => void> = {};
  const task = (name: string) => () => {
    begun.push(name);
    return new Promise<string>((resolve) => {
      ends[name] = () => resolve(name);
    });
  };
  const soon = () => new Promise((resolve) => setImmediate(resolve));
  const asked = [
    turns.run('a', task('a1')),
    turns.run('a', task('a2')),
    turns.run('b', task('b1')),
    turns.run('c', task('c1')),
    turns.run(null, task('root')),
  ];
  await soon();
  expect(begun).toEqual(['a1', 'b1', 'root']);
  ends['b1']?.();
  await soon();
  expect(begun.slice(3)).toEqual(['c1']);
  ends['a1']?.();
  await soon();
  expect(begun.slice(4)).toEqual(['a2']);
  for (const end of Object.values(ends)) end();
  expect(await Promise.all(asked)).toEqual(['a1', 'a2', 'b1', 'c1', 'root']);
});

it('gives each caller so many places, all of them together so many, and root its own', () => {
  const places = new FairPlaces({ root: 1, callers: 3, each: 2 });
  const first = places.take('a');
  expect([places.take('a'), places.take('a')]).toEqual([expect.any(Function), null]);
  expect([places.take('b'), places.take('b'), places.take('c')]).toEqual([expect.any(Function), null, null]);
  expect([places.take(null), places.take(null)]).toEqual([expect.any(Function), null]);
  first?.();
  first?.();
  expect([places.take('c'), places.take('a')]).toEqual([expect.any(Function), null]);
});
