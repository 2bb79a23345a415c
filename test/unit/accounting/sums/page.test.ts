import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ExtractBuilder } from '../../../../src/accounting/sums/extract.js';
import { rowText, type UsageKey, UsagePage, type UsageQuery } from '../../../../src/accounting/sums/page.js';
import type { UsageRecord } from '../../../../src/protocol/record.js';
import type { UsageRow } from '../../../../src/protocol/usage-sums.js';
import { toFilter } from '../../../../src/spec/filter.js';
import { PlainReport } from '../plain-report.js';
import { type ADDED, at, interimOf, ledgers, recordOf, together, usageOf } from '../records.js';

const ALL = { by: 'container', since: null, until: null, filter: toFilter({}) } as const;

/** Gives the rows of a query, page by page; the records in so many segments. */
function rowsOf(
  records: UsageRecord[],
  query: Partial<UsageQuery> = {},
  { segments = 1, most = 1000 } = {},
): UsageRow[] {
  const length = Math.ceil(records.length / segments);
  let base: number | null = null;
  let builder = new ExtractBuilder({ base, going: [], ended: [] });
  const extracts = Array.from({ length: segments }, (_, i) => {
    for (const record of records.slice(i * length, (i + 1) * length)) builder.add(record);
    const extract = builder.finish(0);
    base = i + 1;
    builder = new ExtractBuilder({ base, going: extract.going, ended: [] });
    return extract;
  });
  const rows: UsageRow[] = [];
  for (let after: string | undefined, more = true; more; ) {
    const page = new UsagePage({ ...ALL, ...query }, after, most);
    for (const extract of extracts) if (page.wants(extract)) page.add(extract);
    const sums = page.finish();
    rows.push(...sums.rows.map((row) => JSON.parse(rowText(row)) as UsageRow));
    expect(sums.rows.length).toBeLessThanOrEqual(most);
    more = sums.more;
    after = sums.rows.at(-1)?.key ?? '';
  }
  return rows;
}

describe('the sum', () => {
  it('has every figure, and null for one that no record has', () => {
    const records = [
      interimOf('a', {
        usage: usageOf(5, { throttledUsec: 2, wbytes: 100, wios: 3, peak: 50 }),
        memory_byte_seconds: 10,
        duration_usec: 6,
      }),
      recordOf('a', {
        usage: usageOf(7, { throttledUsec: 3, wbytes: 150, wios: 4, peak: 70 }),
        memory_byte_seconds: 15,
        duration_usec: 9,
      }),
      recordOf('b', { duration_usec: null }),
    ];
    expect(rowsOf(records)).toEqual([
      {
        key: 'a',
        runs: 1,
        cpu_usage_usec: 7,
        cpu_user_usec: 7,
        cpu_system_usec: 0,
        throttled_usec: 3,
        rbytes: 0,
        wbytes: 150,
        rios: 0,
        wios: 4,
        network_rx_bytes: null,
        network_tx_bytes: null,
        memory_byte_seconds: 15,
        memory_peak_bytes: 70,
        duration_usec: 9,
      },
      expect.objectContaining({
        key: 'b',
        runs: 1,
        cpu_usage_usec: null,
        duration_usec: null,
        memory_peak_bytes: null,
      }),
    ]);
  });

  it('gives what was used since the record before to the period of the record', () => {
    const records = [
      interimOf('a', { at: at(10), usage: usageOf(5) }),
      interimOf('a', { at: at(20), usage: usageOf(12) }),
      recordOf('a', { at: at(30), usage: usageOf(20) }),
    ];
    const used = (since: number | null, until: number | null) =>
      rowsOf(records, { since: since === null ? null : at(since), until: until === null ? null : at(until) }).map(
        ({ cpu_usage_usec }) => cpu_usage_usec,
      );
    expect(used(null, 20)).toEqual([5]);
    expect(used(20, 30)).toEqual([7]); // since is part of it, until is not
    expect(used(20, null)).toEqual([15]);
    expect(used(11, 20)).toEqual([]);
    expect(used(31, null)).toEqual([]);
  });

  it('counts a run once, two runs of one container twice, and a record that is there twice once', () => {
    const first = interimOf('a', { run: '1', usage: usageOf(5) });
    const last = recordOf('a', { run: '1', usage: usageOf(6) });
    const other = recordOf('a', { run: '2', usage: usageOf(100) });
    const again = recordOf('a', { run: '1', usage: usageOf(7) });
    expect(rowsOf([first, first, last, last, other, again, first])).toMatchObject([
      { key: 'a', runs: 2, cpu_usage_usec: 106 },
    ]);
  });

  it('is by container, owner, service or label, the rest last', () => {
    const records = [
      recordOf('a', { owner: 'zoe', labels: { job: 'x', constructor: 'c' }, usage: usageOf(1) }),
      recordOf('b', { usage: usageOf(2) }),
      recordOf('c', { owner: 'ann', service: 'shop', labels: { job: 'x' }, usage: usageOf(4) }),
      recordOf('d', { owner: 'zoe', service: 'shop', labels: { job: '' }, usage: usageOf(8) }),
    ];
    const by = (key: UsageKey) => rowsOf(records, { by: key }).map((row) => [row.key, row.runs, row.cpu_usage_usec]);
    expect(by('container').map(([key]) => key)).toEqual(['a', 'b', 'c', 'd']);
    expect(by('owner')).toEqual([
      ['ann', 1, 4],
      ['zoe', 2, 9],
      [null, 1, 2],
    ]);
    expect(by('service')).toEqual([
      ['shop', 2, 12],
      [null, 2, 3], // also those whose record is of a niwad that knew no services
    ]);
    expect(by({ label: 'job' })).toEqual([
      ['', 1, 8],
      ['x', 2, 5],
      [null, 1, 2],
    ]);
    expect(by({ label: 'toString' })).toEqual([[null, 4, 15]]);
    expect(by({ label: 'constructor' })).toEqual([
      ['c', 1, 1],
      [null, 3, 14],
    ]);
  });

  it('is by the id in the engine, over all containers that it has made for it', () => {
    const records = [
      recordOf('a', { oci: { id: 'web', root: '/run/niwa-oci' }, usage: usageOf(1) }),
      recordOf('b', { oci: { id: 'web', root: '/run/niwa-oci' }, usage: usageOf(2) }),
      recordOf('c', { oci: { id: 'db', root: '/run/niwa-oci' }, usage: usageOf(4) }),
      recordOf('d', { usage: usageOf(8) }),
    ];
    const rows = rowsOf(records, { by: 'engine-id' });
    expect(rows.map(({ key, runs, cpu_usage_usec }) => [key, runs, cpu_usage_usec])).toEqual([
      ['db', 1, 4],
      ['web', 2, 3],
      [null, 1, 8],
    ]);
  });

  it('is only of an owner, of a service, or of a label', () => {
    const records = [
      recordOf('a', { owner: 'ann', labels: { job: 'x' } }),
      recordOf('b', { owner: 'bob', labels: { job: 'y=z' } }),
      recordOf('c', { service: 'shop', labels: { job: 'y=z' } }),
    ];
    const ids = (...query: Parameters<typeof toFilter>) =>
      rowsOf(records, { filter: toFilter(...query) }).map(({ key }) => key);
    expect(ids({ owner: ['ann'] })).toEqual(['a']);
    expect(ids({ label: ['job=y=z'] })).toEqual(['b', 'c']);
    expect(ids({ service: 'shop' })).toEqual(['c']);
    expect(ids({ owner: ['bob'], label: ['job=y=z'] })).toEqual(['b']);
    expect(ids({ label: ['toString=x'] })).toEqual([]);
  });
});

const keys = fc.constantFrom<UsageKey>('container', 'engine-id', 'owner', 'service', { label: 'job' });
describe('any ledger', () => {
  it('sums to the same, split into adjacent periods wherever', () => {
    fc.assert(
      fc.property(ledgers, keys, fc.array(fc.integer({ min: -5, max: 250 }), { maxLength: 4 }), (records, by, cuts) => {
        const bounds = [null, ...[...cuts].sort((a, b) => a - b).map(at), null];
        const parts = bounds
          .slice(1)
          .map((until, i) => rowsOf(records, { by, since: bounds[i] ?? null, until: until ?? null }));
        expect(together(...parts)).toEqual(together(rowsOf(records, { by })));
      }),
    );
  });

  it('sums to the last records of its runs', () => {
    fc.assert(
      fc.property(ledgers, (records) => {
        const last = [...new Map(records.map((record) => [record.run, record])).values()];
        const total = (figure: (record: UsageRecord) => number | null | undefined) =>
          last.reduce((sum, record) => sum + (figure(record) ?? 0), 0);
        const rows = rowsOf(records, { by: 'owner' });
        const sum = (name: (typeof ADDED)[number] | 'runs') => rows.reduce((all, row) => all + (row[name] ?? 0), 0);
        expect(sum('runs')).toBe(last.length);
        expect(sum('cpu_usage_usec')).toBe(total(({ usage }) => usage?.cpu.usage_usec));
        expect(sum('wbytes')).toBe(total(({ usage }) => usage?.io?.wbytes));
        expect(sum('memory_byte_seconds')).toBe(total(({ memory_byte_seconds }) => memory_byte_seconds));
        expect(sum('duration_usec')).toBe(total(({ duration_usec }) => duration_usec));
      }),
    );
  });
});

const minutes = fc.option(fc.integer({ min: -5, max: 250 }).map(at));
const queries = fc.record({
  by: keys,
  since: minutes,
  until: minutes,
  filter: fc
    .record({
      owner: fc.constantFrom<string[]>([], ['ann'], ['nobody']),
      label: fc.constantFrom<string[]>([], ['job=x']),
    })
    .map(toFilter),
});

describe('any query of any ledger', () => {
  it('gives what the plain sums give, however the ledger is divided, and page by page', () => {
    fc.assert(
      fc.property(
        ledgers,
        queries,
        fc.nat({ max: 4 }),
        fc.integer({ min: 1, max: 4 }),
        (records, query, more, most) => {
          const plain = new PlainReport(query);
          for (const record of records) plain.add(record);
          expect(rowsOf(records, query, { segments: 1 + more, most })).toEqual(plain.rows());
        },
      ),
      { numRuns: 500 },
    );
  });

  it('gives the first of many keys in bounded memory', () => {
    const records = Array.from({ length: 5000 }, (_, i) => recordOf(`c${(i * 7919) % 5000}`, { usage: usageOf(i) }));
    const rows = rowsOf(records, {}, { segments: 3, most: 700 });
    expect(rows).toHaveLength(5000);
    expect(rows.map(({ key }) => key)).toEqual(records.map(({ id }) => id).sort());
  });

  it('gives less of them at a time where they are long', () => {
    const name = (i: number) => `${i}`.padStart(4, '0').repeat(1000);
    const ids = Array.from({ length: 9000 }, (_, i) => name((i * 7919) % 9000));
    const builder = new ExtractBuilder({ base: null, going: [], ended: [] });
    for (const [i, id] of ids.entries()) builder.add(recordOf(id, { run: `${i}` }));
    const page = new UsagePage(ALL, undefined, 1_000_000);
    page.add(builder.finish(0));
    const { rows, more } = page.finish();
    expect(more).toBe(true);
    expect(rows.length).toBeGreaterThan(1000);
    expect(rows.length).toBeLessThan(9000);
    expect(rows.map(({ key }) => key)).toEqual(ids.sort().slice(0, rows.length));
  });
});
