// @module-tag vm
// Technique: a bomb of inodes: empty files, which take no space of a tmpfs but the kernel's memory.
import { expect } from 'vitest';
import { needsController } from '../integration/support/host.js';
import { attack, attackSpec, test } from './attack.js';

const COUNT = 60_000;

test("inode bomb: the kernel's memory for them counts, and it dies at the limit", async ({ niwad, skip }) => {
  needsController(skip, 'memory');
  const resources = { memory: { max: '16M', swapMax: 0 } };
  const { exit, stdout } = await niwad.run(attackSpec('inode-bomb', ['/tmp', String(COUNT)], { resources }));
  expect({ reason: exit.reason, stdout }).toEqual({ reason: 'oom', stdout: '' });
  expect(await niwad.sh('echo fine')).toBe('fine');
});

test('inode bomb, control: without the limit it goes on', async ({ niwad }) => {
  expect(await attack(niwad, 'inode-bomb', ['/tmp', String(COUNT)])).toEqual({
    'the last': 'worked',
    made: String(COUNT),
  });
});
