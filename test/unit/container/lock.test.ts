import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Lock } from '../../../src/container/lock.js';

it('a lock runs one task after another, in the order in which they came', async () => {
  const lock = new Lock();
  const seen: string[] = [];
  const task = (name: string, ms: number) =>
    lock.run(async () => {
      seen.push(`${name} begins`);
      await sleep(ms);
      seen.push(`${name} ends`);
      return name;
    });
  expect(await Promise.all([task('a', 20), task('b', 0)])).toEqual(['a', 'b']);
  expect(seen).toEqual(['a begins', 'a ends', 'b begins', 'b ends']);
});

it('a task that fails tells its own caller and lets the next one run', async () => {
  const lock = new Lock();
  const failing = lock.run(async () => {
    throw new Error('no');
  });
  const next = lock.run(async () => 'yes');
  await expect(failing).rejects.toThrow('no');
  expect(await next).toBe('yes');
});
