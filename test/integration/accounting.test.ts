// @module-tag vm
import { existsSync, rmdirSync } from 'node:fs';
import { expect, vi } from 'vitest';
import type { ContainerStatus, UsageRecord } from '../../src/client/index.js';
import { host, PATIENCE } from './support/host.js';
import { test } from './support/test.js';

const shell = (script: string) => ({ args: ['sh', '-c', script] });
const burner = shell('while :; do :; done');
/** The kernel tells a process its own time in ticks of 10 ms, rounded by two. */
const TICKS_USEC = 20_000;

/** The line of the ledger for a container that has exited. */
function recordOf({ id, exit, usage, created_at, started_at, spec }: ContainerStatus): UsageRecord {
  const { code, signal, reason, at } = exit ?? expect.unreachable('it has not exited');
  const { owner, labels, service } = spec;
  return {
    type: 'final',
    run: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/),
    ...{ id, owner, service: service?.name ?? null, labels, created_at, started_at, at, reason, code, signal, usage },
    duration_usec: expect.closeTo((Date.parse(at) - Date.parse(started_at ?? '')) * 1000, -4),
    memory_byte_seconds: usage.memory === null ? null : expect.any(Number),
  };
}

test('the usage of an exited container holds all that it used, and is in the ledger', async ({ niwad }) => {
  const script = 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; times; exit 3';
  const before = Date.now();
  const { status, stdout } = await niwad.run({ process: shell(script), owner: 'alice', labels: { job: 'a b' } });
  const lived = (Date.parse(status.exit?.at ?? '') - before) * 1000;
  const [, minutes, seconds] = /^(\d+)m([\d.]+)s/.exec(stdout) ?? [];
  const { usage_usec, user_usec, system_usec } = status.usage.cpu;
  const own = (Number(minutes) * 60 + Number(seconds)) * 1e6;
  expect(own).toBeGreaterThan(0);
  expect(usage_usec).toBeGreaterThanOrEqual(own - TICKS_USEC);
  expect(Math.abs((usage_usec ?? 0) - (user_usec ?? 0) - (system_usec ?? 0))).toBeLessThanOrEqual(2);
  expect(usage_usec).toBeLessThanOrEqual(lived + TICKS_USEC);
  expect(niwad.ledger(status.id)).toEqual([recordOf(status)]);
});

test('what a descendant used until it was killed is part of the final figure', async ({ niwad }) => {
  const usage = async () => (await niwad.client.stats('parent')).usage.cpu.usage_usec ?? 0;
  await niwad.start({ id: 'parent', process: shell('(while :; do :; done) & exec sleep 1000') });
  await vi.waitFor(async () => expect(await usage()).toBeGreaterThan(200_000), { timeout: 60_000 });
  const before = await usage();
  const status = await niwad.client.stop('parent');
  expect(status.usage.cpu.usage_usec).toBeGreaterThanOrEqual(before);
  expect(niwad.ledger('parent')).toEqual([recordOf(status)]);
});

test('an end is told where others have removed the group already, with the use of the last reading', async ({
  niwad,
}) => {
  const script = 'i=0; while [ $i -lt 60000 ]; do i=$((i+1)); done; exec sleep 1000';
  const { pid } = await niwad.start({ id: 'removed', process: shell(script) });
  await vi.waitFor(async () => expect((await niwad.client.stats('removed')).rates).not.toBeNull(), PATIENCE);
  process.kill(niwad.pid, 'SIGSTOP');
  try {
    process.kill(pid ?? 0, 'SIGKILL');
    await vi.waitFor(() => rmdirSync(niwad.groupOf('removed')), PATIENCE);
  } finally {
    process.kill(niwad.pid, 'SIGCONT');
  }
  expect(await niwad.client.wait('removed')).toMatchObject({ signal: 'SIGKILL' });
  const status = await niwad.client.inspect('removed');
  expect(status.usage.cpu.usage_usec).toBeGreaterThan(0);
  expect(niwad.ledger('removed')).toEqual([recordOf(status)]);
});

test('every end writes one record, which tells what inspect tells, also when many end at once', async ({ niwad }) => {
  const { client } = niwad;
  const before = niwad.ledger().length;
  const ids = Array.from({ length: 20 }, (_, i) => `many-${i}`);
  await Promise.all(ids.map((id) => niwad.start({ id, process: { args: ['sleep', '1000'] } })));
  await Promise.all(ids.map((id) => client.kill(id).then(() => client.wait(id))));
  const exited = await Promise.all(ids.map((id) => client.inspect(id)));
  await Promise.all(ids.map((id) => client.remove(id)));
  const records = niwad.ledger().slice(before);
  expect(records).toHaveLength(ids.length);
  for (const status of exited) expect(records).toContainEqual(recordOf(status));
});

test('rates and a history come with the samples', async ({ niwad }) => {
  const { client } = niwad;
  await niwad.start({ id: 'sampled', process: burner });
  await vi.waitFor(async () => expect((await client.history('sampled')).length).toBeGreaterThanOrEqual(4), PATIENCE);
  const { rates, usage } = await client.stats('sampled');
  expect(rates?.interval_usec).toBeGreaterThan(50_000);
  expect(rates?.cpu).toBeGreaterThan(0.1);
  expect(rates?.cpu).toBeLessThan(1.1);

  const used = usage.cpu.usage_usec ?? 0;
  await vi.waitFor(
    async () => expect((await client.stats('sampled')).usage.cpu.usage_usec).toBeGreaterThan(used),
    PATIENCE,
  );

  const history = await client.history('sampled');
  const times = history.map(({ at }) => at);
  expect(times).toEqual([...times].sort((a, b) => a - b));
  for (const { cpu } of history) expect(cpu).toBeGreaterThan(0);
  await client.remove('sampled', { force: true });
});

test('a container that does nothing uses nothing, and has no rate before there are two samples', async ({ niwad }) => {
  const { client } = niwad;
  const { rates } = await client.create({ id: 'idle', process: { args: ['sleep', '1000'] } });
  expect(rates).toBeNull();
  await client.start('idle');
  await vi.waitFor(async () => expect((await client.stats('idle')).rates?.cpu).toBe(0), PATIENCE);
  await client.remove('idle', { force: true });
});

test('what the host does not count is null, not zero', async ({ niwad }) => {
  await niwad.start({ id: 'nulls', process: { args: ['sleep', '1000'] } });
  await vi.waitFor(async () => expect((await niwad.client.stats('nulls')).rates).not.toBeNull(), PATIENCE);
  const { usage, rates } = await niwad.client.stats('nulls');
  const counted = (controller: string) => !(controller in host.missing);
  expect(usage.io !== null).toBe(counted('io'));
  expect(usage.memory !== null).toBe(counted('memory'));
  expect(usage.pids !== null).toBe(counted('pids'));
  expect(usage.cpu.nr_throttled !== null).toBe(counted('cpu'));
  expect(rates?.throttled !== null).toBe(counted('cpu'));
  expect(rates?.wbytes_per_second !== null).toBe(counted('io'));

  const metrics = await niwad.client.metrics();
  const has = (name: string) => metrics.includes(`niwa_container_${name}{id="nulls"`);
  expect(has('cpu_usage_seconds_total')).toBe(true);
  expect(has('cpu_throttled_seconds_total')).toBe(counted('cpu'));
  expect(has('io_written_bytes_total')).toBe(counted('io'));
  expect(has('memory_bytes')).toBe(counted('memory'));
  expect(has('pids')).toBe(counted('pids'));
  await niwad.client.remove('nulls', { force: true });
});

test('pressure is told where the kernel counts it', async ({ niwad, skip }) => {
  skip(!existsSync('/proc/pressure/cpu'), 'needs pressure stall information (psi=1)');
  const { status } = await niwad.run({ process: shell('for i in 1 2 3 4; do (while :; do :; done) & done; sleep 1') });
  const { cpu, memory, io } = status.usage.pressure;
  expect(cpu?.some.total).toBeGreaterThan(100_000);
  for (const pressure of [memory, io]) expect(pressure?.full.total).toBeGreaterThanOrEqual(0);
});
