import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { expect, test, vi } from 'vitest';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { PATIENCE } from './support/host.js';
import { isAlive } from './support/niwad.js';
import { NIWA_OCI, Oci } from './support/oci.js';

cleanUpDaemons();
/** Gives the pid that a hook has written into its bundle. */
const pidIn = (bundle: string) => {
  const pid = Number(readFileSync(join(bundle, 'pid'), 'utf8'));
  expect(pid).toBeGreaterThan(1);
  return pid;
};
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
  const pidFile = join(bundle, 'pid');
  const made = await oci.make('create', '--pid-file', pidFile, '--bundle', bundle, 'half');
  expect(existsSync(pidFile)).toBe(false);
  expect(made).toEqual({ exitCode: 1, message: expect.stringContaining('niwad has ended') });
  const next = await startDaemon(place);
  await vi.waitFor(async () => expect(await next.client.list()).toEqual([]), PATIENCE);
  expect((await oci.run('state', 'half')).stderr).toContain('does not exist');
  expect(await oci.make('create', '--bundle', bundle, 'half')).toEqual(MADE);
  await oci.done('delete', '--force', 'half');
});

test.each(['createRuntime', 'poststart'])(
  'a hook at %s ends with niwad; the next one knows what there is',
  async (point) => {
    const place = newPlace();
    const first = await startDaemon(place);
    const oci = new Oci(first);
    const hooks = {
      [point]: [{ path: '/bin/sh', args: ['sh', '-c', 'echo $$ > pid; exec sleep 1000'] }],
      poststop: [{ path: '/bin/sh', args: ['sh', '-c', 'touch stopped'] }],
    };
    const bundle = await oci.bundle('exec sleep 1000', (config) => Object.assign(config, { hooks }));
    const made = oci.make('run', '--detach', '--bundle', bundle, 'one');
    const pid = await vi.waitFor(() => pidIn(bundle), PATIENCE);
    await first.stop('SIGKILL');
    expect(await made).toEqual({ exitCode: 1, message: 'niwad has ended while a hook ran' });
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), PATIENCE);

    const next = await startDaemon(place);
    if (point === 'poststart') {
      expect(await oci.state('one')).toMatchObject({ status: 'running' });
      await oci.done('delete', '--force', 'one');
      expect(existsSync(join(bundle, 'stopped'))).toBe(true);
    }
    await vi.waitFor(async () => expect(await next.client.list()).toEqual([]), PATIENCE);
    expect((await oci.run('state', 'one')).stderr).toContain('does not exist');
  },
);

test('a detached run whose command dies before niwad has its container starts nothing, and leaves nothing', async () => {
  const niwad = await startDaemon(newPlace());
  const oci = new Oci(niwad);
  const shell = (script: string) => [{ path: '/bin/sh', args: ['sh', '-c', script] }];
  const bundle = await oci.bundle('exec sleep 1000', (config) => {
    const hooks = {
      createContainer: shell('echo $$ > pid; until test -e go; do sleep 0.05; done'),
      startContainer: shell('touch started'),
      poststop: shell(`cd "$(grep -o '"bundle":"[^"]*' | cut -d '"' -f 4)" && touch stopped`), // niwad runs it
    };
    config.mounts.push({ destination: '/notes', type: 'bind', source: '.', options: ['bind'] });
    Object.assign(config.process, { cwd: '/notes' });
    Object.assign(config, { hooks });
  });
  const words = ['run', '--detach', '--bundle', bundle, 'one'];
  const run = execa(NIWA_OCI, words, { env: { NIWA_OCI_SOCKET: oci.socket }, reject: false, stdio: 'ignore' });
  await vi.waitFor(() => pidIn(bundle), PATIENCE);
  process.kill(niwad.pid, 'SIGSTOP');
  try {
    writeFileSync(join(bundle, 'go'), '');
    await vi.waitFor(() => expect(readFileSync(`/proc/${run.pid}/wchan`, 'utf8')).toMatch(/^unix_stream/), PATIENCE);
    run.kill('SIGKILL');
    await run;
  } finally {
    process.kill(niwad.pid, 'SIGCONT');
  }
  const done = () => ['started', 'stopped'].filter((name) => existsSync(join(bundle, name)));
  await vi.waitFor(() => expect(done()).not.toEqual([]), PATIENCE);
  expect(done()).toEqual(['stopped']);
  await vi.waitFor(async () => expect(await niwad.client.list()).toEqual([]), PATIENCE);
  expect((await oci.run('state', 'one')).stderr).toContain('does not exist');
});
