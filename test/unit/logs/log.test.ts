import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ContainerLog, type LogRange } from '../../../src/logs/log.js';
import { LogReader } from '../../../src/logs/reader.js';

/** Logs as the addon writes them, made by hand: a segment is a list of pieces, each with its time. */

type Written = [usec: number, stream: 'o' | 'e', text: string];

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'niwa-log-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

function write(number: number, pieces: Written[]): void {
  const path = join(directory, String(number).padStart(8, '0'));
  let offset = 0;
  writeFileSync(`${path}.idx`, '');
  writeFileSync(`${path}.log`, '');
  for (const [usec, stream, text] of pieces) {
    const digits = (value: number, width: number) => String(value).padStart(width, '0');
    appendFileSync(`${path}.idx`, `${digits(usec, 16)} ${stream} ${digits(offset, 12)}\n`);
    appendFileSync(`${path}.log`, text);
    offset += Buffer.byteLength(text);
  }
}

function remove(number: number): void {
  for (const extension of ['idx', 'log'])
    rmSync(join(directory, `${String(number).padStart(8, '0')}.${extension}`), { force: true });
}

async function read(range: LogRange = {}): Promise<string> {
  const log = new ContainerLog(directory, () => {});
  log.end();
  let text = '';
  for await (const { data } of log.read(range, new AbortController().signal)) text += data;
  return text;
}

describe('a log', () => {
  it('of nothing has nothing in it', async () => {
    expect(await read()).toBe('');
    expect(await read({ tail: 5, sinceUsec: 5, untilUsec: 6 })).toBe('');
    write(1, []);
    expect(await read({ follow: true })).toBe('');
    rmSync(directory, { recursive: true });
    expect(await read()).toBe('');
    mkdirSync(directory);
  });

  it('is read over all its segments, with times and streams', async () => {
    write(9, [[1_000_001, 'o', 'a\n']]);
    write(10, [
      [1_000_002, 'e', 'b\n'],
      [2_000_003, 'o', 'c\n'],
    ]);
    const log = new ContainerLog(directory, () => {});
    const chunks = [];
    for await (const { time, stream, data } of log.read({}, new AbortController().signal))
      chunks.push([time.slice(17), stream, `${data}`]);
    expect(chunks).toEqual([
      ['01.000001Z', 'stdout', 'a\n'],
      ['01.000002Z', 'stderr', 'b\n'],
      ['02.000003Z', 'stdout', 'c\n'],
    ]);
    expect(await read({ stream: 'stdout' })).toBe('a\nc\n');
  });

  it('is read whole where its pieces are many, or large', async () => {
    const lines = Array.from({ length: 3000 }, (_, i): Written => [i, i % 3 === 0 ? 'e' : 'o', `${i}\n`]);
    write(1, lines.slice(0, 1000));
    write(2, [[1000, 'o', 'x'.repeat(200_000)]]);
    write(3, lines.slice(1000));
    const text = (some: Written[]) => some.map(([, , one]) => one).join('');
    expect(await read()).toBe(`${text(lines.slice(0, 1000))}${'x'.repeat(200_000)}${text(lines.slice(1000))}`);
    expect(await read({ sinceUsec: 2500 })).toBe(text(lines.slice(2500)));
    expect(await read({ sinceUsec: 990, untilUsec: 1000 })).toBe(text(lines.slice(990, 1000)));
    expect(await read({ sinceUsec: 3000 })).toBe('');
    expect(await read({ tail: 1500 })).toBe(text(lines.slice(1500)));
    expect(await read({ tail: 2, stream: 'stderr' })).toBe('2994\n2997\n');
  });

  it.each<[number, string]>([
    [0, ''],
    [1, 'end'],
    [2, 'three\nend'],
    [3, 'two\nthree\nend'],
    [4, 'one\ntwo\nthree\nend'],
    [99, 'one\ntwo\nthree\nend'],
  ])('has %d last lines', async (tail, text) => {
    write(1, [
      [1, 'o', 'one\ntw'],
      [2, 'o', 'o'],
    ]);
    write(2, [
      [3, 'o', '\nth'],
      [4, 'e', 'ree\n'],
      [5, 'o', 'end'],
    ]);
    expect(await read({ tail })).toBe(text);
  });

  it('has its last lines before a time, and no more than since another', async () => {
    write(1, [
      [10, 'o', 'a\n'],
      [20, 'o', 'b\n'],
      [30, 'o', 'c\n'],
      [40, 'o', 'd\n'],
    ]);
    expect(await read({ tail: 1 })).toBe('d\n');
    expect(await read({ tail: 2, untilUsec: 31 })).toBe('b\nc\n');
    expect(await read({ tail: 9, untilUsec: 31, sinceUsec: 20 })).toBe('b\nc\n');
    expect(await read({ sinceUsec: 21, untilUsec: 30 })).toBe('');
  });

  it('whose index did not come to the disk is read all the same', async () => {
    write(1, [[10, 'o', 'kept\n']]);
    writeFileSync(join(directory, '00000001.idx'), '');
    expect(await read()).toBe('kept\n');
  });
});

describe('a reader', () => {
  const open = async () => {
    const reader = await LogReader.open(directory);
    if (reader === null) throw new Error('there is no log');
    return reader;
  };
  const next = async (reader: LogReader) =>
    [(await reader.read()).map(({ data }) => data).join(''), reader.takeLost()] as const;

  it('goes on where a log grows, and into its next segment', async () => {
    write(1, [[1, 'o', 'a']]);
    const reader = await open();
    expect(await next(reader)).toEqual(['a', false]);
    expect(await next(reader)).toEqual(['', false]);
    appendFileSync(join(directory, '00000001.log'), 'b');
    write(2, [[2, 'e', 'c']]);
    expect(await next(reader)).toEqual(['b', false]);
    expect(await next(reader)).toEqual(['c', false]);
    await reader.close();
  });

  it('reads a segment that was removed under it to its end, and tells what it has missed', async () => {
    write(1, [[1, 'o', 'x'.repeat(100_000)]]);
    const reader = await open();
    expect((await next(reader))[0]).toHaveLength(65_536);
    for (const number of [1, 2]) remove(number);
    write(3, [[3, 'o', 'c']]);
    expect((await next(reader))[0]).toHaveLength(100_000 - 65_536);
    expect(await next(reader)).toEqual(['c', true]);
    expect(await next(reader)).toEqual(['', false]);
    await reader.close();
  });

  it('does not see the log of a container that has its id again', async () => {
    write(1, [[1, 'o', 'old']]);
    const reader = await open();
    expect(await next(reader)).toEqual(['old', false]);
    rmSync(directory, { recursive: true });
    mkdirSync(directory);
    write(1, [[1, 'o', 'old and new']]);
    write(2, [[2, 'o', 'new']]);
    expect(await next(reader)).toEqual(['', false]);
    await reader.close();
  });
});
