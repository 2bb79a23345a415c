import { setTimeout as sleep } from 'node:timers/promises';
import { expect, vi } from 'vitest';
import { needsController, PATIENCE, scaled } from './support/host.js';
import { test } from './support/test.js';

const busy = { args: ['sh', '-c', 'while :; do :; done'] };
const idle = { args: ['sleep', '1000'] };

test('an idle container is passed over in most rounds; whoever asks for it gets a reading of this moment', async ({
  niwad,
}) => {
  const { client } = niwad;
  await niwad.start({ id: 'idle', process: idle });
  await niwad.start({ id: 'busy', process: busy });
  await sleep(scaled(500)); // the start of the idle one is over
  const read = new Map<string, Set<string>>([
    ['idle', new Set()],
    ['busy', new Set()],
  ]);
  for (let looks = 0; looks < 40; looks++) {
    for (const { id, usage_at } of await client.list()) read.get(id)?.add(usage_at);
    await sleep(50);
  }
  const [ofIdle, ofBusy] = [read.get('idle')?.size ?? 0, read.get('busy')?.size ?? 0];
  expect(ofIdle).toBeGreaterThan(1);
  expect(ofBusy).toBeGreaterThan(2 * ofIdle);

  const asked = Date.now();
  const status = await client.inspect('idle');
  expect(Date.parse(status.usage_at)).toBeGreaterThanOrEqual(asked);
  expect(status.rates?.cpu).toBe(0);
  expect((await client.inspect('busy')).rates?.cpu).toBeGreaterThan(0);
});

test('an idle container has a point of its history in each round, and wakes with the next one', async ({ niwad }) => {
  const { client } = niwad;
  const script = 'trap "while :; do :; done" USR1; while :; do sleep 1000 & wait; done';
  await niwad.start({ id: 'waking', process: { args: ['sh', '-c', script] } });
  await sleep(scaled(1500));
  const rounds = async () => (await client.history('waking')).map(({ cpu }) => cpu ?? 0);
  const slept = await rounds();
  expect(slept.slice(-5)).toEqual([0, 0, 0, 0, 0]);
  await client.kill('waking', 'SIGUSR1');
  await vi.waitFor(async () => expect((await rounds()).at(-1)).toBeGreaterThan(0), PATIENCE);
});

test('an idle container is billed for the memory that it has, and for no more when it wakes', {
  tags: 'vm',
}, async ({ niwad, skip }) => {
  needsController(skip, 'memory');
  const bytes = 32 * 1024 * 1024;
  const take = `head -c ${bytes} /dev/zero > /dev/shm/`;
  const script = `trap "${take}second; exit" USR1; ${take}first; echo taken; while :; do sleep 1000 & wait; done`;
  const { id } = await niwad.start({ process: { args: ['sh', '-c', script] } });
  await niwad.says(id, 'taken');
  await sleep(6000);
  const { memory } = (await niwad.client.stats(id)).usage;
  await niwad.client.kill(id, 'SIGUSR1');
  const { at } = await niwad.client.wait(id);
  const [record] = niwad.ledger(id);
  const lived = Date.parse(at) - Date.parse(record?.started_at ?? '');
  const expected = ((memory?.current ?? 0) * lived) / 1000;
  expect(record?.memory_byte_seconds).toBeGreaterThan(0.75 * expected);
  expect(record?.memory_byte_seconds).toBeLessThan(1.25 * expected);
});
