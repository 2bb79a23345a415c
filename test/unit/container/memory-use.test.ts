import { expect, it } from 'vitest';
import { neededBytes } from '../../../src/container/memory-use.js';

it.each([
  ['', 1000],
  ['anon 500\nfile 400\nshmem 100\ninactive_file 200\nactive_file 100\n', 700],
])('what is no page cache of files is needed: %j', (stat, needed) => {
  expect(neededBytes(1000, stat)).toBe(needed);
});
