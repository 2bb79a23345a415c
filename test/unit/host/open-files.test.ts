import { expect, it } from 'vitest';
import { openFilesWithin } from '../../../src/host/open-files.js';

it.each([
  [1048576, 1024, 524_288],
  [524_288, 1024, 524_288],
  [4096, 1024, 4096],
  [512, 512, 512],
])('a process that may have %i files open gives others %i, and %i if they ask', (own, soft, hard) => {
  const limits = `Limit                     Soft Limit           Hard Limit           Units
Max core file size        0                    unlimited            bytes
Max open files            ${own}               ${own}              files
`;
  expect(openFilesWithin(limits)).toEqual({ name: 'nofile', soft, hard });
});
