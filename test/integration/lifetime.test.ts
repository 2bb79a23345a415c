import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { describe, expect, vi } from 'vitest';
import type { ContainerStatus } from '../../src/client/index.js';
import { MAX_LATENESS_MS, PATIENCE, scaled } from './support/host.js';
import { isAlive, keeperOf, type Niwad } from './support/niwad.js';
import { test } from './support/test.js';

const sleeper = { args: ['sleep', '1000'] };
const seconds = (milliseconds: number) => scaled(milliseconds) / 1000;
const DAY_MS = 86_400_000;

/** Times are rounded to milliseconds on their way from the kernel's clock to a date, twice. */
const ROUNDING_MS = 3;

/** Milliseconds from the start to the deadline. */
function bound({ started_at, deadline_at }: ContainerStatus): number {
  return Date.parse(deadline_at ?? '') - Date.parse(started_at ?? '');
}

/** Waits for the end of a lifetime and looks at how late it came; gives the status. */
async function expectLifetimeMet({ client }: Niwad, id: string, exit: object = {}): Promise<ContainerStatus> {
  await client.wait(id);
  const status = await client.inspect(id);
  const lateness = Date.parse(status.exit?.at ?? '') - Date.parse(status.deadline_at ?? '');
  console.log(`lifetime of ${id}: ended ${lateness} ms after its deadline`);
  expect(status.exit).toMatchObject({ reason: 'lifetime', ...exit });
  expect(lateness).toBeGreaterThanOrEqual(-ROUNDING_MS);
  expect(lateness).toBeLessThan(MAX_LATENESS_MS);
  return status;
}

/** The threads of a process that run before others, by their nice value or a real-time priority, see proc_pid_stat(5). */
function urgentThreads(pid: number): { nice: number; priority: number }[] {
  const stats = readdirSync(`/proc/${pid}/task`).map((id) => readFileSync(`/proc/${pid}/task/${id}/stat`, 'utf8'));
  const fields = stats.map((stat) => stat.slice(stat.lastIndexOf(')') + 2).split(' '));
  const threads = fields.map((of) => ({ nice: Number(of[16]), priority: Number(of[37]) }));
  return threads.filter(({ nice, priority }) => nice < 0 || priority > 0);
}

describe.concurrent('a lifetime', () => {
  test('ends a container at its deadline', { tags: 'vm' }, async ({ niwad }) => {
    const status = await niwad.start({ id: 'met', process: sleeper, lifetime: '500ms' });
    expect(Math.abs(bound(status) - 500)).toBeLessThanOrEqual(ROUNDING_MS);
    await expectLifetimeMet(niwad, 'met', { code: null, signal: 'SIGKILL' });
    expect(niwad.ledger('met')).toMatchObject([{ reason: 'lifetime', signal: 'SIGKILL' }]);
  });

  test('counts from the start, not from the creation', async ({ niwad }) => {
    const created = await niwad.client.create({ id: 'counted', process: sleeper, lifetime: seconds(300) });
    expect(created.deadline_at).toBeNull();
    await new Promise((resolve) => setTimeout(resolve, scaled(500)));
    expect((await niwad.client.start('counted')).state).toBe('running');
    await expectLifetimeMet(niwad, 'counted');
  });

  test('gives a handler its stop timeout', async ({ niwad }) => {
    const script = 'trap "exit 6" TERM; while :; do sleep 0.02; done';
    await niwad.start({ id: 'handled', process: { args: ['sh', '-c', script] }, lifetime: seconds(700) });
    await expectLifetimeMet(niwad, 'handled', { code: 6, signal: null });
  });

  test('kills what ignores the signal when the stop timeout is over', { tags: 'vm' }, async ({ niwad }) => {
    const script = 'trap "" TERM; while :; do sleep 0.02; done';
    const spec = { process: { args: ['sh', '-c', script] }, lifetime: seconds(700), stopTimeout: '400ms' };
    const { deadline_at } = await niwad.start({ id: 'ignored', ...spec });
    const exit = await niwad.client.wait('ignored');
    expect(exit).toMatchObject({ signal: 'SIGKILL', reason: 'lifetime' });
    const lateness = Date.parse(exit.at) - Date.parse(deadline_at ?? '') - 400;
    expect(lateness).toBeGreaterThanOrEqual(-ROUNDING_MS);
    expect(lateness).toBeLessThan(MAX_LATENESS_MS);
  });

  test('is met by a PID 1 that blocks the signal for moments, as shells do around a fork', { tags: 'vm' }, async ({
    niwad,
  }) => {
    const script = `use POSIX; my $set = POSIX::SigSet->new(SIGTERM);
      while (1) { sigprocmask(SIG_BLOCK, $set); select(undef, undef, undef, 0.02);
                  sigprocmask(SIG_UNBLOCK, $set); select(undef, undef, undef, 0.002); }`;
    await niwad.start({ id: 'blinking', process: { args: ['perl', '-e', script] }, lifetime: seconds(700) });
    await expectLifetimeMet(niwad, 'blinking', { signal: 'SIGKILL' });
  });

  test('ends a paused container', { tags: 'vm' }, async ({ niwad }) => {
    await niwad.start({ id: 'paused', process: sleeper, lifetime: seconds(500) });
    await niwad.client.pause('paused');
    await expectLifetimeMet(niwad, 'paused');
  });

  test('ends processes that share the PIDs of the host with its first one', async ({ niwad }) => {
    const { cgroup } = await niwad.start({
      ...{ id: 'shared', process: { args: ['sh', '-c', 'sleep 1000 & sleep 1000'] }, namespaces: { pid: 'host' } },
      ...{ lifetime: seconds(500), stopSignal: 'SIGKILL' },
    });
    const listed = () => readFileSync(join(cgroup, 'cgroup.procs'), 'utf8').trim().split('\n');
    await vi.waitFor(() => expect(listed()).toHaveLength(3), PATIENCE);
    const pids = listed();
    await expectLifetimeMet(niwad, 'shared', { code: null, signal: 'SIGKILL' });
    expect(pids.filter(isAlive)).toEqual([]);
  });

  test('is enforced by a thread that runs before others; but for the event loop, nothing else does', async ({
    niwad,
    skip,
  }) => {
    const asked = await execa('chrt', ['--rr', '1', 'true'], { reject: false });
    skip(asked.exitCode !== 0, 'the kernel gives no real-time priority here');
    await Promise.all(
      ['first', 'second'].map((id) => niwad.start({ id, process: sleeper, lifetime: '200ms', stopSignal: 'SIGKILL' })),
    );
    for (const id of ['first', 'second']) await expectLifetimeMet(niwad, id);
    const { pid } = await niwad.start({ id: 'third', process: sleeper });
    expect(urgentThreads(niwad.pid).sort((a, b) => a.nice - b.nice)).toEqual([
      { nice: -10, priority: 0 },
      { nice: 0, priority: 2 },
    ]);
    const keeper = keeperOf(niwad.place) ?? 0;
    expect(urgentThreads(keeper)).toEqual([{ nice: 0, priority: 2 }]);
    expect(urgentThreads(pid ?? 0)).toEqual([]);
  });

  test('can be extended and shortened', async ({ niwad }) => {
    const { client } = niwad;
    await niwad.start({ id: 'longer', process: sleeper, lifetime: seconds(500) });
    const status = await client.setLifetime('longer', { lifetime: seconds(900) });
    expect(Math.abs(bound(status) - scaled(900))).toBeLessThanOrEqual(ROUNDING_MS);
    await expectLifetimeMet(niwad, 'longer');

    await niwad.start({ id: 'shorter', process: sleeper, lifetime: '1h' });
    const before = Date.now();
    const { deadline_at } = await client.setLifetime('shorter', { remaining: seconds(200) });
    expect(Date.parse(deadline_at ?? '')).toBeGreaterThanOrEqual(before + scaled(200) - ROUNDING_MS);
    await expectLifetimeMet(niwad, 'shorter');
  });

  test('ends at once what has lived longer already', async ({ niwad }) => {
    await niwad.start({ id: 'past', process: sleeper, lifetime: '1h' });
    const before = Date.now();
    await niwad.client.setLifetime('past', { lifetime: '1ms' });
    const exit = await niwad.client.wait('past');
    expect(exit).toMatchObject({ reason: 'lifetime' });
    expect(Date.parse(exit.at) - before).toBeLessThan(MAX_LATENESS_MS);
  });

  test('can be given to a container that had none, and taken away', async ({ niwad }) => {
    const { client } = niwad;
    expect((await niwad.start({ id: 'given', process: sleeper })).deadline_at).toBeNull();
    await client.setLifetime('given', { remaining: seconds(200) });
    await expectLifetimeMet(niwad, 'given');

    await niwad.start({ id: 'taken', process: sleeper, lifetime: seconds(400) });
    expect((await client.setLifetime('taken', { lifetime: null })).deadline_at).toBeNull();
    expect(await client.wait('taken', { timeout: `${scaled(700)}ms` })).toBeNull();
    await client.remove('taken', { force: true });
  });

  test('may be longer than JavaScript can count', async ({ niwad }) => {
    const status = await niwad.start({ id: 'sixty-days', process: sleeper, lifetime: '60d' });
    expect(Math.abs(bound(status) - 60 * DAY_MS)).toBeLessThanOrEqual(ROUNDING_MS);
    expect(await niwad.client.wait('sixty-days', { timeout: '200ms' })).toBeNull();
    await niwad.client.remove('sixty-days', { force: true });
  });

  test('is spread by its jitter and stays an upper bound', async ({ niwad }) => {
    const ids = Array.from({ length: 8 }, (_, i) => `jitter-${i}`);
    const started = await Promise.all(
      ids.map((id) => niwad.start({ id, process: sleeper, lifetime: '1h', jitter: '30m' })),
    );
    const bounds = started.map(bound);
    for (const one of bounds) {
      expect(one).toBeGreaterThanOrEqual(1_800_000 - ROUNDING_MS);
      expect(one).toBeLessThanOrEqual(3_600_000 + ROUNDING_MS);
    }
    expect(Math.max(...bounds) - Math.min(...bounds)).toBeGreaterThan(60_000);
    await Promise.all(ids.map((id) => niwad.client.remove(id, { force: true })));
  });

  test('is told as it ends: stopping, then exit', async ({ niwad }) => {
    const { client, place } = niwad;
    const script = 'trap "while [ ! -e /gate/go ]; do sleep 0.02; done; exit 0" TERM; while :; do sleep 0.02; done';
    const mounts = [{ type: 'bind' as const, source: place.files, target: '/gate' }];
    const process = { args: ['sh', '-c', script] };
    await niwad.start({ id: 'told', process, mounts, lifetime: seconds(700), stopTimeout: '100s' });
    await vi.waitFor(async () => expect((await client.inspect('told')).state).toBe('stopping'), PATIENCE);
    writeFileSync(join(place.files, 'go'), '');
    expect(await client.wait('told')).toMatchObject({ reason: 'lifetime', code: 0 });
  });
});
