import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { lookAtCgroupTree, removeGroup } from '../../src/host/cgroup.js';
import type { SpecInput } from '../../src/protocol/spec.js';
import type { CrashPoint } from '../../src/test-hooks/crash-point.js';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { SLOWNESS } from './support/host.js';
import { keeperOf, type Niwad, type Place } from './support/niwad.js';

/** Containers that are started again: by hand, by their policies, and by a later niwad. */

const PATIENCE = { timeout: 10_000 * SLOWNESS, interval: 20 };
const shell = (script: string) => ({ args: ['sh', '-c', script] });
const FAST = { min: '10ms', max: '1s' };

cleanUpDaemons();

const isRunning = (niwad: Niwad, id: string, count: number) =>
  vi.waitFor(
    async () =>
      expect(await niwad.client.inspect(id)).toMatchObject({ state: 'running', restarts: { count }, exit: null }),
    PATIENCE,
  );
const finalsOf = (niwad: Niwad, id: string) => niwad.ledger(id).filter(({ type }) => type === 'final');

/**
 * Starts a container whose first run ends with 3 as soon as `again` is in the files of the place; later runs do not
 * end. Comes back when the first run has seen that `again` is not there yet.
 */
async function startEndsOnce(niwad: Niwad, restart: NonNullable<SpecInput['restart']>): Promise<void> {
  const script = '[ -e /f/again ] && exec sleep 1000; echo waits; while [ ! -e /f/again ]; do sleep 0.02; done; exit 3';
  const mounts = [{ type: 'bind' as const, source: niwad.place.files, target: '/f', readonly: true }];
  await niwad.start({ id: 'web', process: shell(script), mounts, restart });
  await niwad.says('web', 'waits');
}
const letEnd = ({ files }: Place) => writeFileSync(join(files, 'again'), '');

test('a policy starts a container until it has failed too often: one log, a record for each run', async () => {
  const niwad = await startDaemon(newPlace());
  await niwad.start({
    id: 'fails',
    process: shell('echo run; i=0; while [ $i -lt 5000 ]; do i=$((i+1)); done; exit 4'),
    restart: { policy: 'on-failure', max: 2, backoff: FAST },
    owner: 'ann',
  });
  await vi.waitFor(() => expect(finalsOf(niwad, 'fails')).toHaveLength(3), PATIENCE);
  await vi.waitFor(async () => {
    const { state, restarts } = await niwad.client.inspect('fails');
    expect({ state, ...restarts }).toMatchObject({ state: 'exited', count: 2, next_at: null, stopped: false });
  }, PATIENCE);
  expect((await niwad.output('fails')).stdout).toBe('run\nrun\nrun\n');
  const records = finalsOf(niwad, 'fails');
  expect(new Set(records.map(({ run }) => run)).size).toBe(3);
  expect(records.map(({ code }) => code)).toEqual([4, 4, 4]);
  const { stdout } = await niwad.cli('usage', '--by', 'owner', '--json');
  const sum = records.reduce((usec, { usage }) => usec + (usage?.cpu.usage_usec ?? 0), 0);
  expect(JSON.stringify(JSON.parse(stdout))).toContain(String(sum));
  expect(niwad.groups()).toEqual([]);
});

test('a lifetime is followed by a run with a new deadline', async () => {
  const niwad = await startDaemon(newPlace());
  const lifetime = `${400 * SLOWNESS}ms`;
  const spec = { process: { args: ['sleep', '1000'] }, lifetime };
  await niwad.start({ id: 'always', ...spec, restart: { policy: 'always', backoff: FAST } });
  await niwad.start({ id: 'on-failure', ...spec, restart: { policy: 'on-failure', backoff: FAST } });
  const { deadline_at } = await niwad.client.inspect('always');
  await vi.waitFor(() => expect(finalsOf(niwad, 'always').length).toBeGreaterThanOrEqual(2), PATIENCE);
  const { exit, restarts } = await niwad.client.inspect('on-failure');
  expect([exit?.reason, restarts.count]).toEqual(['lifetime', 0]);
  await niwad.client.stop('always', { timeout: 0 }).catch(() => {}); // it may just be waiting
  const status = await niwad.client.inspect('always');
  expect(Date.parse(status.deadline_at ?? '')).toBeGreaterThan(Date.parse(deadline_at ?? ''));
  expect(finalsOf(niwad, 'always')[0]?.reason).toBe('lifetime');
});

describe('by hand', () => {
  test('niwa restart and niwa start make a further run; niwa stop holds', async () => {
    const niwad = await startDaemon(newPlace());
    const cli = async (...args: string[]) => {
      const { exitCode, stdout, stderr } = await niwad.cli(...args);
      expect([exitCode, stderr]).toEqual([0, '']);
      return stdout;
    };
    const words = ['--', 'sh', '-c', 'echo run; exec sleep 1000'];
    await cli('run', '-d', '--name', 'web', '--restart', 'unless-stopped:5', ...words);
    const { pid, spec } = await niwad.client.inspect('web');
    expect(spec.restart).toMatchObject({ policy: 'unless-stopped', max: 5 });
    await niwad.says('web', 'run\n');
    await cli('restart', '-t', '0', 'web');
    const second = await niwad.client.inspect('web');
    expect(second).toMatchObject({ state: 'running', restarts: { count: 1 } });
    expect(second.pid).not.toBe(pid);
    await cli('stop', '-t', '0', 'web');
    expect(await niwad.client.inspect('web')).toMatchObject({ state: 'exited', restarts: { stopped: true } });
    await cli('start', 'web');
    await niwad.says('web', 'run\nrun\nrun\n');
    expect(finalsOf(niwad, 'web').map(({ reason }) => reason)).toEqual(['stopped', 'stopped']);
    await cli('rm', '--force', 'web');
    expect(await niwad.client.list()).toEqual([]);
    const refused = await niwad.cli('run', '--rm', '--restart', 'always', ...words);
    expect(refused).toMatchObject({ exitCode: 2, stderr: expect.stringContaining('--rm and --restart') });
  });

  test('a path that leads elsewhere by now is not followed', async () => {
    const place = newPlace();
    const niwad = await startDaemon(place);
    const at = (name: string) => join(place.files, name);
    for (const name of ['data', 'private']) mkdirSync(at(name));
    writeFileSync(at('private/secret'), 'secret\n');
    const mounts = [{ type: 'bind' as const, source: at('data'), target: '/data', readonly: true }];
    await niwad.run({ id: 'web', process: shell('ls /data'), mounts });
    renameSync(at('data'), at('before'));
    symlinkSync(at('private'), at('data'));
    await expect(niwad.client.start('web')).rejects.toMatchObject({ code: 'FORBIDDEN' });
    expect(await niwad.client.inspect('web')).toMatchObject({ state: 'exited', exit: { code: 0 } });
    rmSync(at('data'));
    renameSync(at('before'), at('data')); // and without the link it starts
    await niwad.client.start('web');
    expect(await niwad.client.wait('web')).toMatchObject({ code: 0 });
    expect((await niwad.output('web')).stdout).toBe('');
  });
});

describe('a niwad that dies on the way from an end to the next run starts the container once', () => {
  const POINTS: CrashPoint[] = [
    ...(['exit-heard', 'record-written', 'group-removed', 'exit-saved', 'exit-told', 'exit-hooks-run'] as const),
    ...(['making-saved', 'made', 'started', 'started-saved'] as const),
  ];
  test.each(POINTS)('%s', async (point) => {
    const place = newPlace();
    const first = await startDaemon(place);
    await startEndsOnce(first, { policy: 'on-failure', backoff: FAST });
    await first.stop('SIGKILL');
    const second = await startDaemon(place, { NIWA_CRASH_AT: point });
    letEnd(place);
    expect(await second.ended()).toBe('SIGKILL');
    const third = await startDaemon(place);
    await vi.waitFor(async () => expect((await third.client.inspect('web')).state).toBe('running'), PATIENCE);
    const before = await third.client.inspect('web');
    expect(third.groups()).toEqual(['web']);
    expect(third.pidsOf('web')).toHaveLength(1);
    const ends = finalsOf(third, 'web').map(({ code, reason }) => code ?? reason);
    // a run that was cut off before anybody could know of it has failed
    expect(ends).toEqual(before.restarts.count === 1 ? [3] : [3, 'start-failed']);
  });

  test('while it waits', async () => {
    const place = newPlace();
    const first = await startDaemon(place);
    await startEndsOnce(first, { policy: 'always', backoff: { min: '6s', max: '6s' } });
    letEnd(place);
    await vi.waitFor(async () => expect((await first.client.inspect('web')).restarts.next_at).not.toBeNull(), PATIENCE);
    await first.stop('SIGKILL');
    const second = await startDaemon(place);
    await isRunning(second, 'web', 1);
    expect(finalsOf(second, 'web')).toHaveLength(1);
  });
});

test('after a start of the machine the containers with a policy come back', async () => {
  const place = newPlace();
  const first = await startDaemon(place);
  const sleeps = { process: { args: ['sleep', '1000'] } };
  for (const policy of ['always', 'unless-stopped', 'on-failure'] as const)
    await first.start({ id: policy, ...sleeps, restart: { policy, backoff: FAST } });
  await first.start({ id: 'stopped', ...sleeps, restart: { policy: 'unless-stopped' } });
  await first.client.stop('stopped', { timeout: 0 });
  await first.start({ id: 'plain', ...sleeps });
  // the processes and the run directory go, the state directory stays
  const pids = first.groups().flatMap((id) => first.pidsOf(id));
  process.kill(keeperOf(place) ?? 0, 'SIGKILL');
  await first.stop('SIGKILL');
  for (const pid of pids) process.kill(pid, 'SIGKILL');
  await removeGroup(lookAtCgroupTree(place.cgroup).base);
  rmSync(place.runDir, { recursive: true });

  const second = await startDaemon(place);
  for (const id of ['always', 'unless-stopped', 'on-failure']) await isRunning(second, id, 1);
  expect((await second.client.inspect('stopped')).state).toBe('exited');
  await expect(second.client.inspect('plain')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(finalsOf(second, 'always')).toMatchObject([{ reason: 'unknown' }]);
});
