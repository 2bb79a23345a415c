// @module-tag vm
// Technique: all terminals of the machine. kernel.pty.max counts them for the whole host (devpts, Linux's
// Documentation/filesystems/devpts.rst).
import { expect } from 'vitest';
import { attack, attackOnHost, test } from './attack.js';

test('terminals: a container gets 256, and no more', async ({ niwad }) => {
  expect(await attack(niwad, 'terminals', ['300'])).toEqual({ 'the last': 'ENOSPC', made: '256' });
});

test('terminals, control: without a bound of its own a devpts gives more', async () => {
  const devpts =
    'mount -t devpts -o newinstance,ptmxmode=0666 devpts /dev/pts; mount --bind /dev/pts/ptmx /dev/ptmx; exec "$@"';
  const prefix = ['unshare', '--mount', '--propagation', 'private', 'sh', '-ec', devpts, 'sh'];
  expect(await attackOnHost('terminals', ['300'], prefix)).toEqual({ made: '300' });
});
