import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { Ledger } from '../../../../src/accounting/ledger.js';
import type { UsageQuery } from '../../../../src/accounting/sums/page.js';
import { UsageSums } from '../../../../src/accounting/sums/sums.js';
import { kernel } from '../../../../src/kernel/addon.js';
import { toFilter } from '../../../../src/spec/filter.js';
import { recordOf } from '../records.js';

const ALL: UsageQuery = { by: 'container', since: null, until: null, filter: toFilter({}) };

let directory: string;
let ledger: Ledger;
let gone: AbortController;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'niwa-test-'));
  ledger = await Ledger.open(join(directory, 'ledger'), { kernel });
  await ledger.append(recordOf('web'));
  gone = new AbortController();
});
afterEach(async () => {
  gone.abort();
  await ledger.close();
  await rm(directory, { recursive: true, force: true });
});

const begin = (sums: UsageSums, caller: string | null) => sums.query(caller, ALL, {}, gone.signal);
const refused = { code: 'TOO_MANY_REQUESTS' };

it('who reads nothing of his sums keeps only himself from others', async () => {
  const sums = new UsageSums(ledger, join(directory, 'usage'));
  const held = [await begin(sums, 'user 1'), await begin(sums, 'user 1')];
  await expect(begin(sums, 'user 1')).rejects.toMatchObject(refused);
  await begin(sums, 'user 2');
  for (const caller of ['user 2', 'user 3', 'user 3']) await begin(sums, caller);
  await expect(begin(sums, 'user 4')).rejects.toMatchObject(refused);
  let text = '';
  for await (const piece of (await begin(sums, null)).texts) text += piece;
  expect(text).toContain('"key":"web"');
  for await (const _ of held[0]?.texts ?? []);
  await begin(sums, 'user 1'); // the last row was taken, and nobody waits for the end of the answer
});

it('sums of which nothing is read end', async () => {
  const sums = new UsageSums(ledger, join(directory, 'usage'), 100);
  const held = [await begin(sums, 'user 1'), await begin(sums, 'user 1')];
  const readers = held.map(({ texts }) => texts[Symbol.asyncIterator]());
  for (const reader of readers) expect(await reader.next()).toMatchObject({ done: false });
  await expect(begin(sums, 'user 1')).rejects.toMatchObject(refused);
  await vi.waitFor(() => begin(sums, 'user 1'), 10_000);
  await expect(readers[0]?.next()).rejects.toMatchObject({ code: 'HOST_ERROR' });
});
