import { expect, it } from 'vitest';
import { PathStarts } from '../../../src/engine/path-starts.js';

const never = () => new Promise<never>(() => {});
const soon = (work: Promise<unknown>) =>
  Promise.race([work, new Promise((resolve) => setTimeout(() => resolve('waits'), 20))]);

it('keeps room for the others: a caller has three starts at once, all callers six, root six', async () => {
  const starts = new PathStarts();
  for (let i = 0; i < 3; i++) void starts.run('user 1', never);
  expect(await soon(starts.run('user 1', async () => 'runs'))).toBe('waits');
  expect(await soon(starts.run('user 2', async () => 'runs'))).toBe('runs');
  for (let i = 0; i < 3; i++) void starts.run('user 2', never);
  expect(await soon(starts.run('user 3', async () => 'runs'))).toBe('waits');
  expect(await soon(starts.run('user 0', async () => 'runs'))).toBe('runs');
  for (let i = 0; i < 6; i++) void starts.run('user 0', never);
  expect(await soon(starts.run('user 0', async () => 'runs'))).toBe('waits');
});

it('refuses more where four helpers of a caller hang, until one of them has ended', async () => {
  const starts = new PathStarts();
  let end = () => {};
  starts.stuck('user 1', new Promise((resolve) => (end = resolve)));
  for (let i = 0; i < 3; i++) starts.stuck('user 1', never());
  await expect(starts.run('user 1', async () => 'runs')).rejects.toMatchObject({ code: 'TOO_MANY_REQUESTS' });
  expect(await starts.run('user 2', async () => 'runs')).toBe('runs');
  end();
  await Promise.resolve();
  expect(await starts.run('user 1', async () => 'runs')).toBe('runs');
});
