import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Ledger } from '../../../../src/accounting/ledger.js';
import { Extracts } from '../../../../src/accounting/sums/extracts.js';
import { addToPage, rowText, UsagePage, type UsageQuery } from '../../../../src/accounting/sums/page.js';
import { kernel } from '../../../../src/kernel/addon.js';
import type { UsageRecord } from '../../../../src/protocol/record.js';
import type { UsageRow } from '../../../../src/protocol/usage-sums.js';
import { toFilter } from '../../../../src/spec/filter.js';
import { PlainReport } from '../plain-report.js';
import { at, interimOf, ledgers, recordOf, usageOf } from '../records.js';

const ALL: UsageQuery = { by: 'container', since: null, until: null, filter: toFilter({}) };

let parent: string;
let directory: string;
let extracts: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'niwa-test-'));
  directory = join(parent, 'ledger');
  extracts = join(parent, 'usage');
});
afterEach(() => rm(parent, { recursive: true, force: true }));

/** Sums with a new set of extracts, as each query does; also tells what the plain sums give. */
async function sum(ledger: Ledger, query: UsageQuery = ALL) {
  const made = new Extracts(extracts, ledger.parts());
  await made.prepare();
  const page = new UsagePage(query, undefined, 1000);
  await made.each((extract) => addToPage(page, query, extract));
  const { rows, skipped } = page.finish();
  const plain = new PlainReport(query);
  for await (const record of ledger.records()) plain.add(record);
  return { rows: rows.map((row) => JSON.parse(rowText(row)) as UsageRow), skipped, plain: plain.rows() };
}

async function using<T>(segmentBytes: number, use: (ledger: Ledger) => Promise<T>): Promise<T> {
  const ledger = await Ledger.open(directory, { kernel, segmentBytes });
  try {
    return await use(ledger);
  } finally {
    await ledger.close();
  }
}

const append = async (ledger: Ledger, records: UsageRecord[]) => {
  for (const record of records) await ledger.append(record);
};
const extractOf = (number: number) => join(extracts, `0000000${number}.extract`);

/** The same run in three segments, and others. */
const SEVERAL = [
  interimOf('a', { at: at(1), usage: usageOf(5) }),
  recordOf('b', { at: at(2), usage: usageOf(100) }),
  interimOf('a', { at: at(3), usage: usageOf(12) }),
  recordOf('a', { at: at(4), usage: usageOf(20) }),
];

describe('the extracts of a ledger', () => {
  it('are made of closed segments, and of the last one in memory', async () => {
    await using(1, async (ledger) => {
      await append(ledger, SEVERAL);
      const { rows, plain } = await sum(ledger);
      expect(rows).toEqual(plain);
      expect(rows.map(({ key, runs, cpu_usage_usec }) => [key, runs, cpu_usage_usec])).toEqual([
        ['a', 1, 20],
        ['b', 1, 100],
      ]);
      expect(await readdir(extracts)).toEqual([1, 2, 3].map((number) => `0000000${number}.extract`));
      const one = await sum(ledger, { ...ALL, since: at(3), until: at(4) });
      expect(one.rows).toMatchObject([{ key: 'a', runs: 1, cpu_usage_usec: 7 }]);
    });
  });

  it('answer without reading the records again', async () => {
    await using(10_000, async (ledger) => {
      const records = Array.from({ length: 40 }, (_, i) => recordOf(`c${i}`, { usage: usageOf(1) }));
      await append(ledger, records);
      const { rows } = await sum(ledger);
      // Of a closed segment only the end is looked at.
      const first = join(directory, '00000001.ndjson');
      await writeFile(first, (await readFile(first, 'utf8')).replace('"id":"c0"', '"id":"xx"'));
      const again = await sum(ledger);
      expect(again.rows).toEqual(rows);
      expect(again.plain).not.toEqual(rows);
    });
  });

  it.each<[string, (path: string) => Promise<unknown>]>([
    ['removed', (path) => rm(path)],
    ['emptied', (path) => truncate(path)],
    ['cut', async (path) => await truncate(path, (await readFile(path)).length - 1)],
    ['damaged in its head', (path) => flip(path, 20)],
    ['damaged in its columns', (path) => flip(path, 4096 + 3)],
    ['damaged in its lists', async (path) => await flip(path, (await readFile(path)).length - 4)],
    ['that of another segment', async (path) => await writeFile(path, await readFile(extractOf(2)))],
    ['something else', (path) => writeFile(path, 'x'.repeat(5000))],
  ])('are made anew where one was %s', async (_, harm) => {
    await using(1, async (ledger) => {
      await append(ledger, SEVERAL);
      const { rows } = await sum(ledger);
      for (const number of [1, 3]) {
        await harm(extractOf(number));
        expect((await sum(ledger)).rows).toEqual(rows);
      }
    });
  });

  it('are left out when their segment has been put away, and what it carried over counts', async () => {
    await using(1, async (ledger) => {
      await append(ledger, SEVERAL);
      await sum(ledger);
    });
    await rm(join(directory, '00000001.ndjson'));
    await using(1, async (ledger) => {
      const { rows, plain } = await sum(ledger);
      expect(rows).toEqual(plain);
      expect(rows).toMatchObject([{ key: 'a', cpu_usage_usec: 20 }, { key: 'b' }]);
    });
    await rm(join(directory, '00000003.ndjson'));
    await using(1, async (ledger) => {
      const { rows, plain } = await sum(ledger);
      expect(rows).toEqual(plain);
    });
    expect(await readdir(extracts)).toEqual(['00000002.extract']);
  });

  it('take the first of two final records, whatever segments they are in', async () => {
    await using(1, async (ledger) => {
      const again = recordOf('b', { at: at(9), usage: usageOf(150) });
      await append(ledger, [...SEVERAL, again, recordOf('c')]);
      await sum(ledger);
      await append(ledger, [{ ...again, at: at(10) }, recordOf('d')]);
      const { rows, plain } = await sum(ledger, { ...ALL, since: at(2) });
      expect(rows).toEqual(plain);
      expect(rows.find(({ key }) => key === 'b')).toMatchObject({ runs: 1, cpu_usage_usec: 100 });
    });
  });

  it('count damaged lines', async () => {
    await using(1, async (ledger) => await append(ledger, SEVERAL));
    await flip(join(directory, '00000002.ndjson'), 300);
    await using(1, async (ledger) => expect((await sum(ledger)).skipped).toBe(1));
  });

  it('give the plain sums, whenever a ledger is asked, and whatever is damaged meanwhile', async () => {
    const minutes = fc.option(fc.integer({ min: -5, max: 250 }).map(at));
    const asked = fc.record({
      since: minutes,
      until: minutes,
      by: fc.constantFrom('container', 'owner', 'service', { label: 'job' }),
    });
    await fc.assert(
      fc.asyncProperty(
        ledgers,
        fc.array(fc.tuple(fc.nat({ max: 20 }), asked, fc.boolean()), { maxLength: 3 }),
        fc.integer({ min: 1, max: 6000 }),
        async (records, stops, segmentBytes) => {
          await rm(parent, { recursive: true, force: true });
          let rest = records;
          for (const [length, query, harm] of [...stops, [records.length, ALL, false] as const])
            await using(segmentBytes, async (ledger) => {
              await append(ledger, rest.slice(0, length));
              rest = rest.slice(length);
              const { rows, plain } = await sum(ledger, { ...ALL, ...query } as UsageQuery);
              expect(rows).toEqual(plain);
              if (harm)
                for (const name of await readdir(extracts).catch(() => []))
                  await flip(join(extracts, name), 4096 + 8 * length);
            });
        },
      ),
      { numRuns: 60 },
    );
  }, 60_000);
});

/** Changes a byte of a file. */
async function flip(path: string, offset: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[offset] = (bytes[offset] ?? 0) ^ 1;
  await writeFile(path, bytes);
}
