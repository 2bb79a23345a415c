import { release } from 'node:os';
import { expect, it } from 'vitest';
import { canIdmap } from '../../../src/host/filesystems.js';

it('a path that does not exist is left to the start', () => {
  expect(canIdmap('/no/such/path')).toBe(true);
});

it('a tmpfs can be id-mapped from Linux 6.3 on', () => {
  const [major = 0, minor = 0] = release().split('.').map(Number);
  expect(canIdmap('/dev/shm')).toBe(major > 6 || (major === 6 && minor >= 3));
});
