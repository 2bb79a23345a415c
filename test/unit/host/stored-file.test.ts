import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { isThere, load, loadNow } from '../../../src/host/stored-file.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'niwa-stored-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

it('tells what is whole from what is damaged and what is missing', async () => {
  const path = join(directory, 'file');
  expect(loadNow(path, JSON.parse)).toEqual({ state: 'missing' });
  expect(loadNow(join(path, 'below'), JSON.parse)).toEqual({ state: 'missing' });
  expect(isThere(path)).toBe(false);
  writeFileSync(path, '[1]');
  expect(await load(path, JSON.parse)).toEqual({ state: 'whole', value: [1] });
  expect(isThere(path)).toBe(true);
  expect(isThere(join(path, 'below'))).toBe(false);
  writeFileSync(path, '[1');
  expect(await load(path, JSON.parse)).toEqual({ state: 'damaged', reason: expect.stringMatching(/JSON/), text: '[1' });
});

it('takes what cannot be read for damaged, and tries it for a second', async () => {
  const path = join(directory, 'file');
  mkdirSync(path);
  expect(loadNow(path, JSON.parse)).toEqual({ state: 'damaged', reason: expect.stringMatching(/EISDIR/), text: null });
  const replaced = setTimeout(() => {
    rmSync(path, { recursive: true });
    writeFileSync(path, '2');
  }, 150);
  expect(await load(path, JSON.parse)).toEqual({ state: 'whole', value: 2 });
  clearTimeout(replaced);
});
