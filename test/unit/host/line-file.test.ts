import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { LineFile } from '../../../src/host/line-file.js';

const BYTES = 100;
let directory: string;
let path: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'niwa-lines-'));
  path = join(directory, 'lines');
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const begin = () => new LineFile(path, BYTES);

it('gives what was added, before and after it is written, also to the next one', async () => {
  const lines = begin();
  expect(await lines.read()).toEqual([]);
  lines.add({ a: 1 });
  expect(await lines.read()).toEqual([{ a: 1 }]);
  await lines.flush();
  lines.add('b\nc');
  expect(await lines.read()).toEqual([{ a: 1 }, 'b\nc']);
  await lines.flush();
  expect(await begin().read()).toEqual([{ a: 1 }, 'b\nc']);
});

it('keeps the newest ones within the bytes of two files', async () => {
  const lines = begin();
  for (let i = 100; i < 200; i++) {
    lines.add(i);
    await lines.flush();
    for (const name of readdirSync(directory)) expect(statSync(join(directory, name)).size).toBeLessThanOrEqual(BYTES);
  }
  const kept = (await lines.read()) as number[];
  expect(kept).toEqual(Array.from({ length: kept.length }, (_, i) => 200 - kept.length + i));
  expect(kept.length).toBeGreaterThanOrEqual(BYTES / 4);
});

it('loses a line that was cut, and no other', async () => {
  const lines = begin();
  lines.add(1);
  await lines.flush();
  appendFileSync(path, '\n{"cut');
  lines.add(2);
  await lines.flush();
  expect(await lines.read()).toEqual([1, 2]);
});

it('writes later, and once, what the disk has refused, and keeps the newest of it', async () => {
  const lines = begin();
  rmSync(directory, { recursive: true });
  for (let i = 100; i < 200; i++) lines.add(i);
  await expect(lines.flush()).rejects.toThrow(/ENOENT/);
  lines.add(200);
  mkdirSync(directory);
  await Promise.all([lines.flush(), lines.flush()]);
  expect(await begin().read()).toEqual(Array.from({ length: BYTES / 4 }, (_, i) => 176 + i));
});

it('removes all, and writes nothing any more', async () => {
  const lines = begin();
  for (let i = 100; i < 140; i++) {
    lines.add(i);
    await lines.flush();
  }
  expect(readdirSync(directory)).toEqual(['lines', 'lines.old']);
  lines.add(1);
  await Promise.all([lines.flush(), lines.remove()]);
  lines.add(2);
  await lines.flush();
  expect(readdirSync(directory)).toEqual([]);
});
