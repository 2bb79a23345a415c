import { readFileSync } from 'node:fs';
import { appendFile, mkdtemp, readdir, readFile, rename, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Ledger } from '../../../src/accounting/ledger.js';
import type { Period } from '../../../src/accounting/ledger-reading.js';
import { kernel } from '../../../src/kernel/addon.js';
import type { UsageRecord } from '../../../src/protocol/record.js';
import { toFilter } from '../../../src/spec/filter.js';
import { PlainReport } from './plain-report.js';
import { at as atMinute, interimOf, ledgers, recordOf, together } from './records.js';

let parent: string;
let directory: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'niwa-ledger-'));
  directory = join(parent, 'ledger');
});
afterEach(() => rm(parent, { recursive: true }));

const segment = (number: number) => join(directory, `0000000${number}.ndjson`);
const textOf = (number = 1) => readFile(segment(number), 'utf8');
const linesOf = async (number = 1) => (await textOf(number)).split('\n').slice(0, -1);

/** Opens the ledger, does something with it, and closes it. */
async function using<T>(act: (ledger: Ledger) => Promise<T>, segmentBytes?: number): Promise<T> {
  const ledger = await Ledger.open(directory, segmentBytes === undefined ? { kernel } : { kernel, segmentBytes });
  try {
    return await act(ledger);
  } finally {
    await ledger.close();
  }
}
const append = (records: UsageRecord[], segmentBytes?: number) =>
  using(async (ledger) => {
    for (const record of records) await ledger.append(record);
  }, segmentBytes);
async function collect<T>(all: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const one of all) found.push(one);
  return found;
}
async function read(ledger: Ledger, period?: Period) {
  const reading = ledger.records(period);
  const records = await collect(reading);
  return { records, skipped: reading.skippedLines };
}
const readAll = (period?: Period) => using((ledger) => read(ledger, period));
const idsIn = async (ledger: Ledger, period?: Period) => (await read(ledger, period)).records.map(({ id }) => id);

/** One byte of a line is another. */
async function damage(number: number, line: number): Promise<void> {
  const lines = (await textOf(number)).split('\n');
  lines[line] = lines[line]?.replace('"owner":null', '"owner":nuLl') ?? '';
  await writeFile(segment(number), lines.join('\n'));
}

/** A time of the day of 1 January 2026. */
const at = (hour: number) => new Date(Date.UTC(2026, 0, 1, hour)).toISOString();

describe('the ledger', () => {
  it('has a record on disk when append has resolved, as a line of JSON with its checksum', async () => {
    const records = [recordOf('a', { labels: { text: 'two\nlines "ä" \u2028' } }), interimOf('b')];
    await using(async (ledger) => {
      for (const [i, record] of records.entries()) {
        await ledger.append(record);
        const line = (await linesOf())[i] ?? '';
        const { crc32: sum, ...rest } = JSON.parse(line) as UsageRecord & { crc32: string };
        expect(rest).toEqual(record);
        expect(sum).toBe(
          crc32(line.slice(0, line.lastIndexOf(',"crc32"')))
            .toString(16)
            .padStart(8, '0'),
        );
      }
      expect(await read(ledger)).toEqual({ records, skipped: 0 });
    });
    expect((await stat(segment(1))).mode & 0o777).toBe(0o640);
    expect((await stat(directory)).mode & 0o777).toBe(0o750);
  });

  it('keeps what is there when it is opened again', async () => {
    await append([recordOf('a')]);
    await append([recordOf('b')]);
    await using(async (ledger) => {
      expect(ledger.torn).toBeNull();
      expect(await idsIn(ledger)).toEqual(['a', 'b']);
    });
  });

  it('has every record once, in the order in which they came, when many end together', async () => {
    const records = Array.from({ length: 500 }, (_, i) => recordOf(`c${i}`));
    await using((ledger) => Promise.all(records.map((record) => ledger.append(record))));
    expect(await readAll()).toEqual({ records, skipped: 0 });
  });

  it('writes many that come together at once, and those that come one after another each', async () => {
    // libuv tells its main loop by a write that a call has ended, so that there are a few for each write to the file.
    const writes = () => Number(/^syscw: (\d+)/m.exec(readFileSync('/proc/self/io', 'utf8'))?.[1]);
    await using(async (ledger) => {
      let before = writes();
      for (let i = 0; i < 200; i++) await ledger.append(recordOf(`single-${i}`));
      const single = writes() - before;
      before = writes();
      await Promise.all(Array.from({ length: 200 }, (_, i) => ledger.append(recordOf(`together-${i}`))));
      const together = writes() - before;
      expect(single).toBeGreaterThanOrEqual(200);
      expect(together).toBeLessThan(single / 10);
    });
  });

  it('takes long records, which Node.js writes in parts', async () => {
    const records = Array.from({ length: 4 }, (_, i) => recordOf(`c${i}`, { labels: { text: `${i}`.repeat(1.5e6) } }));
    await using((ledger) => Promise.all(records.map((record) => ledger.append(record))));
    expect(await readAll()).toEqual({ records, skipped: 0 });
  });

  it('says which path it cannot open', async () => {
    await writeFile(join(parent, 'file'), '');
    const below = join(parent, 'file', 'ledger');
    await expect(Ledger.open(below, { kernel })).rejects.toMatchObject({
      name: 'NiwaError',
      code: 'HOST_ERROR',
      message: expect.stringContaining(`cannot open the ledger ${below}: ENOTDIR`),
    });
  });

  it('takes nothing after its end, and finishes what had begun', async () => {
    const ledger = await Ledger.open(directory, { kernel });
    const begun = ledger.append(recordOf('a'));
    await ledger.close();
    await begun;
    await expect(ledger.append(recordOf('b'))).rejects.toMatchObject({ code: 'HOST_ERROR' });
    expect((await readAll()).records).toEqual([recordOf('a')]);
  });
});

describe('a torn end', () => {
  it('at every byte of the last line is cut off and told, and the ledger goes on', async () => {
    await append([recordOf('a'), recordOf('b', { labels: { 'ä"': '\n' } })]);
    const whole = await readFile(segment(1));
    const first = whole.indexOf('\n') + 1;
    for (let size = first; size < whole.length; size++) {
      await writeFile(segment(1), whole.subarray(0, size));
      await using(async (ledger) => {
        expect(ledger.torn).toEqual(size === first ? null : { segment: segment(1), bytes: size - first });
        await ledger.append(recordOf('c'));
        expect(await idsIn(ledger)).toEqual(['a', 'c']);
      });
      expect(await linesOf()).toHaveLength(2);
    }
  });

  it('of zeros is cut off', async () => {
    await append([recordOf('a')]);
    await appendFile(segment(1), Buffer.alloc(5000));
    await using(async (ledger) => {
      expect(ledger.torn).toEqual({ segment: segment(1), bytes: 5000 });
      expect(await read(ledger)).toEqual({ records: [recordOf('a')], skipped: 0 });
    });
  });

  it.each([
    ['a line with a wrong checksum', '{"type":"final","crc32":"00000000"}\n'],
    ['lines of something else', 'a\nb\n\n'],
    ['lines, and a torn one', 'a\nb'],
  ])('of %s does not count and is kept, and the ledger goes on in the next segment', async (_, garbage) => {
    await append([recordOf('a')]);
    await appendFile(segment(1), garbage);
    const kept = await readFile(segment(1), 'utf8');
    for (const torn of [{ segment: segment(1), bytes: garbage.length, kept: true }, null])
      await using(async (ledger) => {
        expect(ledger.torn).toEqual(torn);
        expect(await read(ledger)).toEqual({ records: [recordOf('a')], skipped: 0 });
      });
    await append([recordOf('b')]);
    await using(async (ledger) => expect(await idsIn(ledger)).toEqual(['a', 'b']));
    expect(await readFile(segment(1), 'utf8')).toBe(kept);
  });

  it('of a ledger that had nothing else leaves an empty one', async () => {
    await append([]);
    await writeFile(segment(1), '{"type":');
    await append([recordOf('a')]);
    expect(await readAll()).toEqual({ records: [recordOf('a')], skipped: 0 });
  });

  it('in the beginning of a segment takes that away, at every byte', async () => {
    const going = interimOf('going');
    await append([going, recordOf('b')]);
    await append([recordOf('c')], 1); // begins the second
    const whole = await readFile(segment(2));
    const beginning = whole.lastIndexOf('\n', -2) + 1;
    expect((await linesOf(2)).map((line) => JSON.parse(line).type)).toEqual(['segment', 'interim', 'final']);
    for (let size = 0; size <= beginning; size++) {
      await writeFile(segment(2), whole.subarray(0, size));
      await using(async (ledger) => {
        expect(await readdir(directory)).toHaveLength(size < beginning ? 1 : 2);
        await ledger.append(recordOf('d'));
        expect(await idsIn(ledger)).toEqual(['going', 'b', 'd']);
      }, 1);
      expect((await linesOf(2)).map((line) => JSON.parse(line).id)).toEqual([undefined, 'going', 'd']);
    }
  });
});

describe('a damaged line', () => {
  it('in the middle is left out and counted', async () => {
    await append([recordOf('a'), recordOf('b'), recordOf('c')]);
    await damage(1, 1);
    await using(async (ledger) => {
      expect(ledger.torn).toBeNull();
      const { records, skipped } = await read(ledger);
      expect(records.map(({ id }) => id)).toEqual(['a', 'c']);
      expect(skipped).toBe(1);
    });
  });

  it('at the beginning of a segment makes the reader begin before it', async () => {
    const records = [1, 2, 3, 4].map((hour) => interimOf('a', { at: at(hour) }));
    await append(records, 1);
    const header = await textOf(4);
    await writeFile(segment(4), header.replace('latest_at', 'latest_et'));
    await using(async (ledger) => {
      const { records: found, skipped } = await read(ledger, { since: at(4), until: null });
      expect(found.map((record) => record.at)).toEqual([at(2), at(3), at(4)]); // the first is carried into the third
      expect(skipped).toBe(1);
      expect(await hasFinal(ledger, 'run-of-a', at(1))).toBe(false);
    });
  });
});

describe('segments', () => {
  const ids = ['a', 'b', 'c', 'd', 'e'];

  it('follow each other when they are full, and are read in order', async () => {
    const records = ids.map((id) => recordOf(id, { labels: { text: 'x'.repeat(1000) } }));
    await append(records, 2000);
    expect((await readdir(directory)).sort()).toEqual([1, 2, 3].map((number) => `0000000${number}.ndjson`));
    expect(await readAll()).toEqual({ records, skipped: 0 });
    for (const number of [1, 2, 3]) expect((await stat(segment(number))).mode & 0o777).toBe(0o640);
  });

  it('carry the last interim record of each run that goes on, which a reader of all sees once', async () => {
    const records = [
      interimOf('a', { at: at(1) }),
      interimOf('b', { at: at(2) }),
      interimOf('a', { at: at(3) }),
      recordOf('b', { at: at(4) }),
      recordOf('c', { at: at(5) }),
      recordOf('a', { at: at(6) }),
      recordOf('d', { at: at(7) }),
    ];
    await append(records.slice(0, 3), 1);
    await append(records.slice(3), 1); // what is known of them is read again
    const carried = async (number: number) => (await linesOf(number)).filter((line) => line.includes('"carried":true'));
    const counts = await Promise.all(records.map(async (_, i) => (await carried(i + 1)).length));
    expect(counts).toEqual([0, 1, 2, 2, 1, 1, 0]);
    expect(await readAll()).toEqual({ records, skipped: 0 });
    await using(async (ledger) => {
      const { records: found } = await read(ledger, { since: at(5), until: null });
      expect(found.map((record) => [record.id, record.at])).toEqual([
        ['a', at(3)],
        ['c', at(5)],
        ['a', at(6)],
        ['d', at(7)],
      ]);
    });
  });

  it('may be put away: what is left has the last record of runs that go on', async () => {
    const records = [interimOf('a', { at: at(1) }), recordOf('b', { at: at(2) }), recordOf('a', { at: at(3) })];
    await append(records, 1);
    await rename(segment(1), join(parent, 'archived'));
    await rename(segment(2), join(parent, 'archived too'));
    expect((await readAll()).records).toEqual([records[0], records[2]]);
    await append([recordOf('c')], 1);
    expect((await readdir(directory)).sort()).toEqual(['00000003.ndjson', '00000004.ndjson']);
  });

  it('are left out where nothing in them matters, also when the clock was set back', async () => {
    const hours = [1, 5, 2, 6, 7, 8];
    await append(
      hours.map((hour) => recordOf(`at-${hour}`, { at: at(hour) })),
      1,
    );
    await using(async (ledger) => {
      const hoursIn = async (since: number | null, until: number | null) => {
        const period = { since: since === null ? null : at(since), until: until === null ? null : at(until) };
        return (await idsIn(ledger, period)).map((id) => Number(id.slice(3)));
      };
      expect(await hoursIn(null, 3)).toEqual([1, 5, 2, 6, 7]); // only the last has been read, by opening the ledger
      expect(await hoursIn(7, null)).toEqual([7, 8]);
      expect(await hoursIn(2, null)).toEqual([5, 2, 6, 7, 8]); // one is in the segment before which there is only 1
      expect(await hoursIn(3, null)).toEqual([5, 2, 6, 7, 8]);
      expect(await hoursIn(null, null)).toEqual(hours);
      expect(await hoursIn(null, 3)).toEqual([1, 5, 2]); // now it is
      expect(await hoursIn(9, null)).toEqual([8]);
    });
  });

  it('hold only what was acknowledged, by the word of the next one', async () => {
    await append([recordOf('a')]);
    const { size } = await stat(segment(1));
    await append([recordOf('b')], 1);
    // A sync had failed and the segment was left, and what was in it came to be on disk after all.
    const line = `{"type":"segment","previous_bytes":${size},"latest_at":"${at(0)}","carried":0`;
    await appendFile(segment(1), (await textOf(1)).replaceAll('"a"', '"x"'));
    await appendFile(segment(1), (await textOf(2)).split('\n').slice(1).join('\n'));
    await writeFile(
      segment(2),
      (await textOf(2)).replace(/^.*/, `${line},"crc32":"${crc32(line).toString(16).padStart(8, '0')}"}`),
    );
    expect(await readAll()).toEqual({ records: [recordOf('a'), recordOf('b')], skipped: 0 });
    // The same where the second is torn: the first goes on where it was acknowledged.
    await truncate(segment(2), 20);
    await append([recordOf('c')]);
    expect((await readAll()).records.at(-1)).toEqual(recordOf('c'));
  });
});

/** Whether the final record of a run is among those of a period without end. */
async function hasFinal(ledger: Ledger, run: string, since: string): Promise<boolean> {
  for await (const record of ledger.records({ since, until: null }))
    if (record.run === run && record.type === 'final') return true;
  return false;
}

describe('a final record', () => {
  it('is found in any segment from a time on', async () => {
    const records = [
      recordOf('a', { at: at(1) }),
      interimOf('b', { at: at(2) }),
      recordOf('c', { at: at(3) }),
      recordOf('d', { at: at(4) }),
    ];
    await append(records, 1);
    const found = async (ledger: Ledger, since: string) =>
      await Promise.all(['a', 'b', 'c', 'd', 'e'].map((id) => hasFinal(ledger, `run-of-${id}`, since)));
    await using(async (ledger) => {
      expect(await found(ledger, at(0))).toEqual([true, false, true, true, false]);
      expect(await found(ledger, at(3))).toEqual([false, false, true, true, false]);
      await ledger.append(recordOf('b', { at: at(5) }));
      expect(await found(ledger, at(3))).toEqual([false, true, true, true, false]);
    }, 1);
    expect(await using((ledger) => found(ledger, at(0)))).toEqual([true, true, true, true, false]);
  });
});

describe('a reading', () => {
  it('is of what was acknowledged when it began, while the ledger goes on', async () => {
    await using(async (ledger) => {
      await ledger.append(recordOf('a'));
      const reading = ledger.records();
      await ledger.append(recordOf('b'));
      await ledger.append(recordOf('c'));
      expect((await collect(reading)).map(({ id }) => id)).toEqual(['a']);
      expect(await idsIn(ledger)).toEqual(['a', 'b', 'c']);
    }, 1);
  });
});

describe('the bills of adjacent periods', () => {
  it('sum to the whole, whatever segments they are read from', async () => {
    const bounds = fc.array(fc.integer({ min: -5, max: 250 }).map(atMinute), { maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(ledgers, bounds, fc.integer({ min: 1, max: 6000 }), async (records, cuts, segmentBytes) => {
        await rm(directory, { recursive: true, force: true });
        const half = Math.floor(records.length / 2);
        await append(records.slice(0, half), segmentBytes);
        await using(async (ledger) => {
          for (const record of records.slice(half)) await ledger.append(record);
          const rowsOf = async (since: string | null, until: string | null) => {
            const report = new PlainReport({ by: 'container', since, until, filter: toFilter({}) });
            for await (const record of ledger.records({ since, until })) report.add(record);
            return report.rows();
          };
          const sorted = [null, ...[...cuts].sort(), null];
          const parts = [];
          for (const [i, until] of sorted.slice(1).entries()) parts.push(await rowsOf(sorted[i] ?? null, until));
          expect(together(...parts)).toEqual(together(await rowsOf(null, null)));
          expect((await read(ledger)).records).toEqual(records);
        }, segmentBytes);
      }),
    );
  }, 60_000);
});
