import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { UsageRecord } from '../../../src/accounting/record.js';
import { type UsageKey, type UsageQuery, UsageReport } from '../../../src/accounting/usage-report.js';
import { toFilter } from '../../../src/spec/filter.js';
import { type ADDED, at, interimOf, ledgers, recordOf, together, usageOf } from './records.js';

const rowsOf = (records: UsageRecord[], query: Partial<UsageQuery> = {}) => {
  const report = new UsageReport({ by: 'container', since: null, until: null, filter: toFilter({}), ...query });
  for (const record of records) report.add(record);
  return report.rows();
};

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

  it('is by container, owner or label, the rest last', () => {
    const records = [
      recordOf('a', { owner: 'zoe', labels: { job: 'x', constructor: 'c' }, usage: usageOf(1) }),
      recordOf('b', { usage: usageOf(2) }),
      recordOf('c', { owner: 'ann', labels: { job: 'x' }, usage: usageOf(4) }),
      recordOf('d', { owner: 'zoe', labels: { job: '' }, usage: usageOf(8) }),
    ];
    const by = (key: UsageKey) => rowsOf(records, { by: key }).map((row) => [row.key, row.runs, row.cpu_usage_usec]);
    expect(by('container').map(([key]) => key)).toEqual(['a', 'b', 'c', 'd']);
    expect(by('owner')).toEqual([
      ['ann', 1, 4],
      ['zoe', 2, 9],
      [null, 1, 2],
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

  it('is only of an owner, or of a label', () => {
    const records = [
      recordOf('a', { owner: 'ann', labels: { job: 'x' } }),
      recordOf('b', { owner: 'bob', labels: { job: 'y=z' } }),
      recordOf('c', { labels: { job: 'y=z' } }),
    ];
    const ids = (...query: Parameters<typeof toFilter>) =>
      rowsOf(records, { filter: toFilter(...query) }).map(({ key }) => key);
    expect(ids({ owner: ['ann'] })).toEqual(['a']);
    expect(ids({ label: ['job=y=z'] })).toEqual(['b', 'c']);
    expect(ids({ owner: ['bob'], label: ['job=y=z'] })).toEqual(['b']);
  });
});

const keys = fc.constantFrom<UsageKey>('container', 'owner', { label: 'job' });
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
