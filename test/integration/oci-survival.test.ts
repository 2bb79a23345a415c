import { expect, test, vi } from 'vitest';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { PATIENCE } from './support/host.js';
import { isAlive } from './support/niwad.js';
import { Oci } from './support/oci.js';

cleanUpDaemons();
const MADE = { exitCode: 0, message: '' };

test('containers of engines go on without niwad, and the next niwad starts and ends them', async () => {
  const place = newPlace();
  const first = await startDaemon(place);
  const oci = new Oci(first);
  const bundle = await oci.bundle('exec sleep 1000');
  expect(await oci.make('create', '--bundle', bundle, 'created')).toEqual(MADE);
  expect(await oci.make('run', '--detach', '--bundle', bundle, 'running')).toEqual(MADE);
  const before = await Promise.all([oci.state('created'), oci.state('running')]);
  await first.stop('SIGKILL');
  expect(before.map(({ pid }) => isAlive(pid))).toEqual([true, true]);

  await startDaemon(place);
  expect(await Promise.all([oci.state('created'), oci.state('running')])).toEqual(before);
  await oci.done('start', 'created');
  expect(await oci.done('exec', '--env', 'A=b', 'running', 'sh', '-c', 'echo $A; cat /proc/1/comm')).toBe('b\nsleep');
  expect(await oci.state('created')).toMatchObject({ status: 'running', pid: before[0]?.pid });
  for (const id of ['created', 'running']) await oci.done('delete', '--force', id);
  expect(before.map(({ pid }) => isAlive(pid))).toEqual([false, false]);
});

test.each(['making-saved', 'made'])('a niwad that dies at %s leaves no half-made container', async (point) => {
  const place = newPlace();
  const oci = new Oci(await startDaemon(place, { NIWA_CRASH_AT: point }));
  const bundle = await oci.bundle('exec sleep 1000');
  const made = await oci.make('create', '--bundle', bundle, 'half');
  expect(made).toEqual({ exitCode: 1, message: expect.stringContaining('niwad has ended') });
  const next = await startDaemon(place);
  await vi.waitFor(async () => expect(await next.client.list()).toEqual([]), PATIENCE);
  expect((await oci.run('state', 'half')).stderr).toContain('does not exist');
  expect(await oci.make('create', '--bundle', bundle, 'half')).toEqual(MADE);
  await oci.done('delete', '--force', 'half');
});
