// @module-tag vm
// Technique: a fork bomb.
import { expect } from 'vitest';
import { needsController } from '../integration/support/host.js';
import { attack, test } from './attack.js';

test('fork bomb: it stops at the limit, and the host and its neighbours go on', async ({ niwad, skip }) => {
  needsController(skip, 'pids');
  expect(await attack(niwad, 'fork-bomb', ['500'], { resources: { pids: 50 } })).toEqual({
    'the last': 'EAGAIN',
    forked: '49',
  });
  expect(await niwad.sh('echo fine')).toBe('fine');
});

test('fork bomb, control: without the limit it goes on', async ({ niwad }) => {
  expect(await attack(niwad, 'fork-bomb', ['200'])).toEqual({ 'the last': 'worked', forked: '200' });
});
