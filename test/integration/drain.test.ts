import { expect, test, vi } from 'vitest';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { PATIENCE, scaled } from './support/host.js';
import { flagsOf, isAlive } from './support/niwad.js';

const sleeper = { args: ['sleep', '1000'] };
const seconds = (milliseconds: number) => scaled(milliseconds) / 1000;

cleanUpDaemons();

test('a node that is drained takes nothing new and lives out the old', async () => {
  const niwad = await startDaemon(newPlace());
  const { client } = niwad;
  await client.create({ id: 'created', process: sleeper });
  await niwad.start({ id: 'short', process: sleeper, lifetime: seconds(2500) });
  await niwad.start({ id: 'endless', process: sleeper });
  const draining = await niwad.cli('drain', '--no-wait');
  expect(draining.exitCode).toBe(0);
  expect(draining.stdout).toMatch(/^[23] left; the last lifetime ends in .*; without a lifetime: endless$/);
  for (const refused of [
    client.create({ id: 'new', process: sleeper }),
    client.create({ id: 'new', process: sleeper }, { start: true }),
  ])
    await expect(refused).rejects.toMatchObject({
      code: 'DRAINING',
      message: expect.stringContaining('niwa drain --undo'),
    });
  expect(await client.wait('created')).toMatchObject({ reason: 'stopped' });
  expect(await client.wait('short')).toMatchObject({ reason: 'lifetime' });
  expect(await client.drainStatus()).toEqual({
    draining: true,
    remaining: 1,
    ends_at: null,
    without_lifetime: ['endless'],
  });

  const rest = await niwad.cli('drain', '--timeout', `${scaled(300)}ms`);
  expect(rest.exitCode).toBe(0);
  expect(rest.stdout.split('\n')).toEqual(['1 left; without a lifetime: endless', 'drained']);
  expect(await client.wait('endless')).toMatchObject({ reason: 'stopped' });
  expect((await niwad.cli('drain', '--undo')).stdout).toBe('not draining: new containers are taken');
  await niwad.run({ id: 'new', process: { args: ['true'] } });
  expect((await niwad.cli('drain', '--timeout', 'soon')).exitCode).toBe(2);
});

test('a drain lasts over a restart', async () => {
  const place = newPlace();
  const first = await startDaemon(place);
  await first.client.drain();
  await first.stop('SIGKILL');
  const second = await startDaemon(place);
  await expect(second.start({ id: 'new', process: sleeper })).rejects.toMatchObject({ code: 'DRAINING' });
  await second.client.undrain();
  await second.stop();
  const third = await startDaemon(place);
  await third.run({ id: 'new', process: { args: ['true'] } });
});

test('niwad --drain ends when its last container has, and leaves nothing', async () => {
  const place = newPlace();
  const niwad = await startDaemon(place, {}, [...flagsOf(place), '--drain']);
  await niwad.start({ id: 'short', process: sleeper, lifetime: seconds(1500) });
  process.kill(niwad.pid, 'SIGTERM');
  await vi.waitFor(async () => expect((await niwad.client.drainStatus()).draining).toBe(true), PATIENCE);
  await expect(niwad.start({ id: 'new', process: sleeper })).rejects.toMatchObject({ code: 'DRAINING' });
  expect(await niwad.ended()).toBe(0);
  expect(niwad.ledger('short')).toMatchObject([{ reason: 'lifetime' }]);
});

test('a second signal cuts a drain short, and the containers go on', async () => {
  const place = newPlace();
  const niwad = await startDaemon(place, {}, [...flagsOf(place), '--drain']);
  const { pid } = await niwad.start({ id: 'endless', process: sleeper });
  process.kill(niwad.pid, 'SIGTERM');
  await vi.waitFor(async () => expect((await niwad.client.drainStatus()).draining).toBe(true), PATIENCE);
  process.kill(niwad.pid, 'SIGTERM');
  expect(await niwad.ended()).toBe(0);
  expect(isAlive(pid ?? 0)).toBe(true);
  expect(niwad.ledger('endless')).toEqual([]);
});
