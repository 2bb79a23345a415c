// @module-tag vm
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, vi } from 'vitest';
import { PATIENCE, scaled } from './support/host.js';
import { isAlive } from './support/niwad.js';
import { test } from './support/test.js';

const shell = (script: string) => ({ args: ['sh', '-c', script] });
const sleeper = { args: ['sleep', '1000'] };
const burner = shell('while :; do :; done');

test('is created, waits, is started, runs and exits', async ({ niwad }) => {
  const { client } = niwad;
  const created = await client.create({
    id: 'steps',
    process: shell(`echo started; sleep ${scaled(300) / 1000}; exit 7`),
  });
  expect(created).toMatchObject({ id: 'steps', state: 'created', started_at: null, deadline_at: null, exit: null });
  expect(niwad.pidsOf('steps')).toEqual([created.pid]);

  const output = niwad.output('steps');
  const started = await client.start('steps');
  expect(started).toMatchObject({ state: 'running', pid: created.pid });
  expect(Date.parse(started.started_at ?? '')).toBeGreaterThanOrEqual(Date.parse(created.created_at));

  expect(await client.wait('steps')).toMatchObject({ code: 7, signal: null, reason: 'exited' });
  expect(await output).toEqual({ stdout: 'started\n', stderr: '' });
  const exited = await client.inspect('steps');
  expect(exited).toMatchObject({ state: 'exited', pid: null, exit: { code: 7, reason: 'exited' } });
  expect(existsSync(exited.cgroup)).toBe(false);
});

test('is created and started in one call, and gets an id where it has none', async ({ niwad }) => {
  const { id, state } = await niwad.start({ process: sleeper });
  expect(id).toMatch(/^[0-9a-f]{12}$/);
  expect(state).toBe('running');
  await niwad.client.remove(id, { force: true });
});

test('waits for an exit no longer than it was told to', async ({ niwad }) => {
  await niwad.start({ id: 'waited', process: sleeper });
  expect(await niwad.client.wait('waited', { timeout: '100ms' })).toBeNull();
  await niwad.client.kill('waited');
  expect(await niwad.client.wait('waited', { timeout: '60s' })).toMatchObject({ reason: 'killed' });
});

test('a program that takes its handler away at the first stop signal ends in its own time', async ({ niwad }) => {
  const program = `
import os, signal, sys, time
def handle(*_):
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    time.sleep(0.2)
    os._exit(6)
signal.signal(signal.SIGTERM, handle)
print("ready", flush=True)
while True: signal.pause()
`;
  const process = { args: ['python3', '-c', program] };
  for (let i = 0; i < 10; i++) {
    const { id } = await niwad.start({ process });
    await niwad.says(id, 'ready');
    expect((await niwad.client.stop(id)).exit).toMatchObject({ code: 6, reason: 'stopped' });
  }
});

test('stops gracefully: the handler of the stop signal decides how it exits', async ({ niwad }) => {
  const { client, place } = niwad;
  const script =
    'trap "while [ ! -e /gate/go ]; do sleep 0.02; done; exit 5" TERM; echo ready; while :; do sleep 0.02; done';
  const gate = { type: 'bind' as const, source: place.files, target: '/gate' };
  await niwad.start({ id: 'graceful', process: shell(script), mounts: [gate], stopTimeout: '100s' });
  await niwad.says('graceful', 'ready');

  const stopped = client.stop('graceful');
  await vi.waitFor(async () => expect((await client.inspect('graceful')).state).toBe('stopping'), PATIENCE);
  await expect(client.pause('graceful')).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
  writeFileSync(join(place.files, 'go'), '');
  expect(await stopped).toMatchObject({ state: 'exited', exit: { code: 5, signal: null, reason: 'stopped' } });
});

test('kills what ignores its stop signal when the stop timeout is over', async ({ niwad }) => {
  const script = 'trap "" TERM; echo ready; while :; do sleep 0.02; done';
  await niwad.start({ id: 'stubborn', process: shell(script), stopTimeout: '300ms' });
  await niwad.says('stubborn', 'ready');
  const before = Date.now();
  expect((await niwad.client.stop('stubborn')).exit).toMatchObject({
    code: null,
    signal: 'SIGKILL',
    reason: 'stopped',
  });
  expect(Date.now() - before).toBeGreaterThanOrEqual(300);
});

test('stops with the signal of the spec, and with another on request', async ({ niwad }) => {
  const script = 'trap "exit 1" USR1; trap "exit 2" USR2; echo ready; while :; do sleep 0.02; done';
  for (const [id, options, code] of [
    ['usr1', {}, 1],
    ['usr2', { signal: 'USR2', timeout: '50s' }, 2],
  ] as const) {
    await niwad.start({ id, process: shell(script), stopSignal: 'SIGUSR1' });
    await niwad.says(id, 'ready');
    expect((await niwad.client.stop(id, options)).exit).toMatchObject({ code, reason: 'stopped' });
  }
});

test('takes real-time signals by name wherever it takes signals, and tells them by name', async ({ niwad }) => {
  const { client } = niwad;
  const script = 'trap "exit 3" 37; trap "exit 4" 50; echo ready; while :; do sleep 0.02; done';
  for (const [id, options, code] of [
    ['systemd', {}, 3],
    ['by-number', { signal: '50' }, 4],
    ['from-above', { signal: 'RTMAX-14' }, 4],
  ] as const) {
    const { spec } = await niwad.start({ id, process: shell(script), stopSignal: 'RTMIN+3', stopTimeout: '1000s' });
    expect(spec.stopSignal).toBe('SIGRTMIN+3');
    await niwad.says(id, 'ready');
    expect((await client.stop(id, options)).exit).toMatchObject({ code, reason: 'stopped' });
  }
  await niwad.start({ id: 'ended', process: sleeper, namespaces: { pid: 'host' } });
  expect((await niwad.cli('kill', '-s', 'SIGRTMIN+5', 'ended')).exitCode).toBe(0);
  expect(await client.wait('ended')).toMatchObject({ code: null, signal: 'SIGRTMIN+5', reason: 'killed' });
  await niwad.start({ id: 'deaf-to-rtmax', process: sleeper, stopSignal: 64, stopTimeout: '1000s' });
  expect((await client.stop('deaf-to-rtmax')).exit).toMatchObject({ signal: 'SIGKILL', reason: 'stopped' });
});

test('does not wait for the stop timeout of a process that has no handler', async ({ niwad }) => {
  await niwad.start({ id: 'deaf', process: sleeper, stopTimeout: '1000s' });
  expect((await niwad.client.stop('deaf')).exit).toMatchObject({ signal: 'SIGKILL', reason: 'stopped' });
});

test('kills at once what is already stopping, on request', async ({ niwad }) => {
  const { client } = niwad;
  const process = shell('trap "" TERM; echo ready; while :; do sleep 0.02; done');
  for (const [id, hurry] of [
    ['hurried', () => client.stop('hurried', { timeout: 0 })],
    ['forced', () => client.remove('forced', { force: true })],
  ] as const) {
    await niwad.start({ id, process, stopTimeout: '1000s' });
    await niwad.says(id, 'ready');
    const stopped = client.stop(id);
    await vi.waitFor(async () => expect((await client.inspect(id)).state).toBe('stopping'), PATIENCE);
    await hurry();
    expect((await stopped).exit).toMatchObject({ signal: 'SIGKILL', reason: 'stopped' });
  }
});

test('passes signals on, and ends by them as any process does', async ({ niwad }) => {
  const { client } = niwad;
  await niwad.start({
    id: 'hears',
    process: shell('trap "echo heard" USR1; echo ready; while :; do sleep 0.02; done'),
  });
  await niwad.says('hears', 'ready');
  await client.kill('hears', 'USR1');
  await niwad.says('hears', 'heard');
  expect((await client.inspect('hears')).state).toBe('running');
  await client.kill('hears');
  expect(await client.wait('hears')).toMatchObject({ code: null, signal: 'SIGKILL', reason: 'killed' });

  await niwad.start({ id: 'deaf-to-kill', process: sleeper });
  await client.kill('deaf-to-kill', 'SIGTERM');
  expect(await client.wait('deaf-to-kill')).toMatchObject({ code: null, reason: 'killed' });

  await niwad.start({ id: 'plain', process: sleeper, namespaces: { pid: 'host' } });
  await client.kill('plain', 'SIGINT');
  expect(await client.wait('plain')).toMatchObject({ code: null, signal: 'SIGINT', reason: 'killed' });
});

test('uses no processor while it is paused, and goes on when it is resumed', async ({ niwad }) => {
  const { client } = niwad;
  const usage = async () => (await client.stats('frozen')).usage.cpu.usage_usec ?? 0;
  await niwad.start({ id: 'frozen', process: burner });
  expect((await client.pause('frozen')).state).toBe('paused');
  const frozen = await usage();
  await sleep(300);
  expect((await usage()) - frozen).toBeLessThan(10_000); // what the kernel had not yet counted
  await expect(client.pause('frozen')).rejects.toMatchObject({ code: 'STATE_CONFLICT' });

  expect((await client.resume('frozen')).state).toBe('running');
  await vi.waitFor(async () => expect(await usage()).toBeGreaterThan(frozen + 10_000), PATIENCE);
  await client.pause('frozen');
  expect((await client.stop('frozen')).exit).toMatchObject({ reason: 'stopped' });
});

test('can be stopped and removed before it was ever started', async ({ niwad }) => {
  await niwad.client.create({ id: 'never-started', process: sleeper });
  expect(await niwad.client.stop('never-started')).toMatchObject({
    state: 'exited',
    started_at: null,
    exit: { reason: 'stopped' },
  });
  await niwad.client.remove('never-started');
  expect(niwad.ledger('never-started')).toMatchObject([{ reason: 'stopped', started_at: null }]);
});

test('is removed only when it has exited, or by force', async ({ niwad }) => {
  const { client } = niwad;
  const { pid } = await niwad.start({ id: 'removed', process: sleeper });
  await expect(client.remove('removed')).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
  await client.remove('removed', { force: true });
  await expect(client.inspect('removed')).rejects.toMatchObject({ code: 'NOT_FOUND' });
  expect(isAlive(pid ?? 0)).toBe(false);
  expect(existsSync(niwad.groupOf('removed'))).toBe(false);
  expect(niwad.ledger('removed')).toMatchObject([{ reason: 'stopped' }]);
});

test('refuses what its state does not allow, unknown ids, and an id in use', async ({ niwad }) => {
  const { client } = niwad;
  await niwad.start({ id: 'once', process: { args: ['true'] } });
  await client.wait('once');
  const conflicts = [
    () => client.stop('once'),
    () => client.kill('once'),
    () => client.pause('once'),
    () => client.resume('once'),
    () => client.update('once', { pids: 'max' }),
    () => client.setLifetime('once', { lifetime: 1 }),
  ];
  const conflict = { code: 'STATE_CONFLICT', message: expect.stringContaining('it is exited') };
  for (const attempt of conflicts) await expect(attempt()).rejects.toMatchObject(conflict);

  const unknown = [
    () => client.inspect('nobody'),
    () => client.start('nobody'),
    () => client.wait('nobody'),
    () => client.remove('nobody'),
  ];
  const notFound = { code: 'NOT_FOUND', message: expect.stringContaining('nobody') };
  for (const attempt of unknown) await expect(attempt()).rejects.toMatchObject(notFound);

  await expect(client.create({ id: 'once', process: sleeper })).rejects.toMatchObject({ code: 'ID_IN_USE' });
  await client.remove('once');
  expect(await client.create({ id: 'once', process: sleeper })).toMatchObject({ state: 'created' });
});

test('is started by one of many that ask at once', async ({ niwad }) => {
  const { client } = niwad;
  await client.create({ id: 'one-start', process: sleeper });
  const settled = await Promise.allSettled(Array.from({ length: 5 }, () => client.start('one-start')));
  expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  expect((await client.inspect('one-start')).state).toBe('running');
});

test('gives one of many that ask at once for an id', async ({ niwad }) => {
  const asked = Array.from({ length: 5 }, () => niwad.client.create({ id: 'wanted', process: sleeper }));
  const settled = await Promise.allSettled(asked);
  expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const one of settled) if (one.status === 'rejected') expect(one.reason).toMatchObject({ code: 'ID_IN_USE' });
});
