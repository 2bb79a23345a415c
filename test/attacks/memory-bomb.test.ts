// @module-tag vm
// Technique: a bomb of memory, of the program itself and in a tmpfs.
import { expect } from 'vitest';
import { needsController } from '../integration/support/host.js';
import { attack, attackSpec, test } from './attack.js';

const resources = { memory: { max: '48M', swapMax: 0 } };

test('memory bomb: it dies at the limit, and a neighbour goes on', async ({ niwad, skip }) => {
  needsController(skip, 'memory');
  const neighbour = await niwad.start({ process: { args: ['sleep', '1000'] } });
  const { exit, stdout } = await niwad.run(attackSpec('memory-bomb', ['128'], { resources }));
  expect(exit).toMatchObject({ reason: 'oom' });
  expect(stdout).toBe('');
  expect((await niwad.client.inspect(neighbour.id)).state).toBe('running');
  await niwad.client.remove(neighbour.id, { force: true });
});

test('memory bomb: what it writes into its tmpfs counts', async ({ niwad, skip }) => {
  needsController(skip, 'memory');
  for (const place of ['/tmp', '/dev/shm', '/run']) {
    const args = ['head', '-c', '60M', '/dev/zero'];
    const script = `${args.join(' ')} > ${place}/file && echo written`;
    const { stdout } = await niwad.run({ process: { args: ['sh', '-c', script] }, resources });
    expect(stdout).toBe('');
  }
});

test('memory bomb, control: without the limit it goes on', async ({ niwad }) => {
  expect(await attack(niwad, 'memory-bomb', ['128'])).toEqual({ 'the last': 'worked' });
  expect(await niwad.sh('head -c 60M /dev/zero > /tmp/file && echo written')).toBe('written');
});
