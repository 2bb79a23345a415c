import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { PoolStore } from '../../../src/pools/store.js';
import { parsePool } from '../../../src/spec/pool.js';
import { filterOf } from '../../filters.js';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'niwa-pools-'));
});
afterEach(() => rmSync(directory, { recursive: true }));

const poolOf = (rules: number) => ({
  name: 'web',
  ahead: 1,
  template: { process: { args: ['/bin/true'] }, seccomp: filterOf(rules) },
});

it('reads a pool that an earlier niwad has taken with a filter beyond the bounds', async () => {
  const store = new PoolStore(directory);
  const caller = { uid: 0, gid: 0, isListed: false };
  store.save({ input: parsePool(poolOf(2)), caller, createdAt: '2026-01-01T00:00:00.000Z' });
  const [name = ''] = readdirSync(directory);
  const saved = JSON.parse(readFileSync(join(directory, name), 'utf8'));
  writeFileSync(join(directory, name), JSON.stringify({ ...saved, input: poolOf(20) }));
  const { whole, damaged } = await store.load();
  expect(damaged).toEqual([]);
  expect(whole.map(({ input }) => input.template.seccomp)).toEqual([filterOf(20)]);
  expect(() => parsePool(poolOf(20))).toThrow(/more than 729 combinations/);
});
