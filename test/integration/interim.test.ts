import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import type { UsageRecord } from '../../src/client/index.js';
import { UsageRecordSchema } from '../../src/protocol/record.js';
import { problemsOf } from '../../src/spec/check.js';
import { cleanUpDaemons, newPlace, startDaemon } from './support/daemons.js';
import { SLOWNESS, scaled } from './support/host.js';
import type { Niwad } from './support/niwad.js';

const INTERVAL_MS = 1000;
const PATIENCE = { timeout: 20_000 * SLOWNESS, interval: 50 };
const burner = { args: ['sh', '-c', 'while :; do :; done'] };

cleanUpDaemons();

const interims = (niwad: Niwad) => niwad.ledger('long').filter(({ type }) => type === 'interim');
const cpu = ({ usage }: UsageRecord) => usage?.cpu.usage_usec ?? 0;

test('a container that goes on is recorded again and again, also by the next daemon, and billed once', async () => {
  const place = newPlace({ interimIntervalMs: INTERVAL_MS, sampleIntervalMs: 100 });
  const first = await startDaemon(place);
  await first.start({ id: 'long', process: burner, owner: 'alice' });
  await first.start({ id: 'idle', process: { args: ['sleep', '1000'] } });
  await vi.waitFor(() => expect(interims(first).length).toBeGreaterThanOrEqual(2), PATIENCE);
  const before = interims(first);
  await first.stop('SIGKILL');
  await sleep(scaled(500));
  const second = await startDaemon(place);
  await vi.waitFor(() => expect(interims(second).length).toBeGreaterThan(before.length), PATIENCE);
  const [row] = (await second.client.usage({ by: 'owner', owner: 'alice' })).rows;
  const soFar = interims(second).map(cpu);
  expect(soFar).toContain(row?.cpu_usage_usec); // one that goes on is billed up to its last record
  const status = await second.client.stop('long', { timeout: 0 });

  const records = second.ledger('long');
  expect(new Set(records.map(({ run }) => run)).size).toBe(1);
  expect(records.map(({ type }) => type)).toEqual([...interims(second).map(() => 'interim'), 'final']);
  for (const figure of [cpu, (record: UsageRecord) => record.duration_usec ?? 0]) {
    const figures = records.map(figure);
    expect(figures).toEqual(figures.toSorted((a, b) => a - b)); // they count from the start of the run
  }
  expect(records.flatMap((record) => problemsOf(UsageRecordSchema, record))).toEqual([]);
  const bytes = records.map(({ memory_byte_seconds }) => memory_byte_seconds ?? 0);
  if (status.usage.memory !== null) expect(bytes.at(-1)).toBeGreaterThan(bytes[0] ?? 0);
  const [bill] = (await second.client.usage({ by: 'owner', owner: 'alice' })).rows;
  expect(bill).toMatchObject({ key: 'alice', runs: 1, cpu_usage_usec: status.usage.cpu.usage_usec });
});
