import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { neededBytes, requireRoom } from '../../../src/engine/memory-use.js';

const group = mkdtempSync(join(tmpdir(), 'niwa-memory-'));
writeFileSync(join(group, 'memory.current'), '1048576\n');
writeFileSync(join(group, 'memory.stat'), 'anon 500000\ninactive_file 24576\n');
afterAll(() => rmSync(group, { recursive: true }));

it.each([
  ['', 1000],
  ['anon 500\nfile 400\nshmem 100\ninactive_file 200\nactive_file 100\n', 700],
])('what is no page cache of files is needed: %j', (stat, needed) => {
  expect(neededBytes(1000, stat)).toBe(needed);
});

it('a limit below that is refused, with the figures', () => {
  expect(() => requireRoom('a', group, 8192)).toThrow(
    'container a uses 1000.0K of memory, page cache not counted: a limit of 8.0K would kill it',
  );
});

it.each<number | 'max' | undefined>([1_024_000, 'max', undefined])('a limit of %s is let through', (limit) => {
  expect(() => requireRoom('a', group, limit)).not.toThrow();
  expect(() => requireRoom('a', '/no/such/group', 1)).not.toThrow();
});
