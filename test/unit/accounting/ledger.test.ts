import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Ledger, type UsageRecord } from '../../../src/accounting/ledger.js';

let directory: string;
let path: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'niwa-ledger-'));
  path = join(directory, 'ledger.jsonl');
});
afterEach(() => rm(directory, { recursive: true }));

const recordOf = (id: string, labels: Record<string, string> = {}): UsageRecord => ({
  id,
  owner: null,
  labels,
  created_at: '2026-01-01T00:00:00.000Z',
  started_at: null,
  ended_at: '2026-01-01T00:00:01.000Z',
  reason: 'exited',
  code: 0,
  signal: null,
  usage: null,
});
const append = async (...records: UsageRecord[]) => {
  const ledger = await Ledger.open(path);
  await Promise.all(records.map((record) => ledger.append(record)));
  await ledger.close();
};
const linesOf = async () => (await readFile(path, 'utf8')).split('\n');
const recordsIn = async () => (await linesOf()).slice(0, -1).map((line) => JSON.parse(line) as UsageRecord);

describe('the ledger', () => {
  it('is a file of one record a line, on disk when append has resolved', async () => {
    const ledger = await Ledger.open(path);
    const first = recordOf('a', { text: 'two\nlines "ä"' });
    await ledger.append(first);
    expect(await recordsIn()).toEqual([first]);
    await ledger.append(recordOf('b'));
    expect(await recordsIn()).toEqual([first, recordOf('b')]);
    await ledger.close();
  });

  it('keeps what is there when it is opened again, and is not for everybody to read', async () => {
    await append(recordOf('a'));
    await append(recordOf('b'));
    expect((await recordsIn()).map(({ id }) => id)).toEqual(['a', 'b']);
    expect((await stat(path)).mode & 0o007).toBe(0);
  });

  it('has every record once, in the order in which they came, when many end together', async () => {
    const records = Array.from({ length: 200 }, (_, i) => recordOf(`c${i}`));
    await append(...records);
    expect(await recordsIn()).toEqual(records);
  });

  it('keeps long records apart, which Node.js writes in parts', async () => {
    const records = Array.from({ length: 4 }, (_, i) => recordOf(`c${i}`, { text: String(i).repeat(1_500_000) }));
    await append(...records);
    expect((await recordsIn()).map(({ id }) => id)).toEqual(['c0', 'c1', 'c2', 'c3']);
  });

  it('begins a new line after one that a crash has cut off', async () => {
    await writeFile(path, `${JSON.stringify(recordOf('a'))}\n{"id":"cut o`);
    await append(recordOf('b'), recordOf('c'));
    const lines = await linesOf();
    expect(lines[1]).toBe('{"id":"cut o');
    expect([lines[0], lines[2], lines[3]].map((line) => JSON.parse(line ?? '').id)).toEqual(['a', 'b', 'c']);
    expect(lines).toHaveLength(5);
  });

  it('says which path it cannot open', async () => {
    await writeFile(path, '');
    const below = join(path, 'ledger');
    await expect(Ledger.open(below)).rejects.toMatchObject({
      name: 'NiwaError',
      code: 'HOST_ERROR',
      message: expect.stringContaining(`cannot open the ledger ${below}: ENOTDIR`),
    });
  });

  it('says that a record is not written where the disk is full, and goes on', async () => {
    const ledger = await Ledger.open('/dev/full');
    const full = {
      code: 'HOST_ERROR',
      message: expect.stringContaining('cannot write to the ledger /dev/full: ENOSPC'),
    };
    await expect(ledger.append(recordOf('a'))).rejects.toMatchObject(full);
    await expect(ledger.append(recordOf('b'))).rejects.toMatchObject(full);
    await ledger.close();
  });
});
