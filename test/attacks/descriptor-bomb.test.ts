// @module-tag vm
// Technique: a bomb of file descriptors.
import { expect } from 'vitest';
import { host } from '../integration/support/host.js';
import { attack, test, unprotected } from './attack.js';

test('descriptor bomb: it stops at the limit, and cannot raise it', async ({ niwad }) => {
  expect(await attack(niwad, 'descriptors', ['2000'], { rlimits: { nofile: 64 } })).toEqual({
    'raise the limit': 'EPERM',
    'the last': 'EMFILE',
    opened: '61',
  });
});

test('descriptor bomb, control: a higher limit lets it go on', async ({ niwad }) => {
  const results = await attack(niwad, 'descriptors', ['2000'], { rlimits: { nofile: 4096 } });
  expect(results).toMatchObject({ 'the last': 'worked', opened: '2000' });
});

test('descriptor bomb, control: with SYS_RESOURCE it raises the limit', async ({ niwad, skip }) => {
  skip(!host.inVm, 'only in the virtual machine: root of this machine may lack SYS_RESOURCE');
  const spec = { ...unprotected('SYS_RESOURCE'), rlimits: { nofile: 64 } };
  expect(await attack(niwad, 'descriptors', ['1'], spec)).toMatchObject({ 'raise the limit': 'worked' });
});
