// @module-tag vm
// Technique: out of a chroot through an open directory descriptor.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { attack, attackOnHost, test } from './attack.js';

const WORKED = { chroot: 'worked', 'fchdir out of it': 'worked', 'chroot to the top': 'worked' };

test("chroot escape: it ends at the container's root, where the host's files are not", async ({ niwad, volume }) => {
  const secret = join(volume, 'secret');
  writeFileSync(secret, 'secret');
  const args = ['/tmp/jail', secret];
  // /var/tmp and /run are the container's own.
  expect(await attack(niwad, 'chroot-escape', args)).toEqual({ ...WORKED, open: 'ENOENT' });
});

test('chroot escape, control: on the host it finds the file', async ({ volume }) => {
  const secret = join(volume, 'secret');
  writeFileSync(secret, 'secret');
  expect(await attackOnHost('chroot-escape', [join(volume, 'jail'), secret])).toEqual({ ...WORKED, open: 'worked' });
});
