import { readFileSync } from 'node:fs';
import { execa } from 'execa';
import { expect, test } from 'vitest';
import { readSource } from '../../../src/host/errands.js';
import { reach } from '../../../src/host/reach.js';
import { REACH_PROGRAM } from '../../../src/kernel/programs.js';

const WAVES = 20;

/** The processes that this process has begun and that have not ended. */
function children(): string[] {
  return readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8')
    .split(' ')
    .filter((pid) => pid !== '');
}

test('many errands at once are done by the same few processes each time', async () => {
  const wave = () => Promise.all(Array.from({ length: 16 }, () => reach('user 0', [['real', '/usr/..']])));
  for (const [found] of await wave()) expect(found?.errno).toBe(0);
  const seen = new Set(children());
  const before = seen.size;
  for (let i = 0; i < WAVES; i++) {
    await wave();
    for (const pid of children()) seen.add(pid);
  }
  expect(seen.size - before).toBeLessThan(WAVES / 2); // one more may begin where the machine is slow
});

test('a mount that cannot be cloned is not said to be one that cannot be id-mapped', async () => {
  const words = Buffer.from('source\0/mnt\0');
  const input = Buffer.concat([Buffer.from(Uint32Array.of(words.length).buffer), words]);
  const script = 'mount -t tmpfs none /mnt; mount --make-unbindable /mnt; exec "$0" serve';
  const { stdout } = await execa('unshare', ['--mount', 'sh', '-ec', script, REACH_PROGRAM], {
    input,
    encoding: 'buffer',
  });
  const [, errno] = new Uint32Array(stdout.slice(0, 8).buffer);
  expect(errno).toBe(0);
  expect(readSource(Buffer.from(stdout.slice(8)))).toMatchObject({ canIdmap: null, path: '/mnt' });
});
