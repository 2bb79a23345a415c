import { expect } from 'vitest';
import { NIWA } from './support/niwad.js';
import { test } from './support/test.js';
import { cleanUpTerminals, Tmux } from './support/tmux.js';

cleanUpTerminals();

const over = { args: ['true'] };
const sleeper = { args: ['sleep', '1000'] };

test('removes the containers that have ended and fit, and no other', async ({ niwad }) => {
  const { client } = niwad;
  await client.create({ id: 'pr-ann', process: over, owner: 'ann', labels: { a: '1' } }, { wait: true });
  await client.create({ id: 'pr-bob', process: over, owner: 'bob' }, { wait: true });
  await client.create({ id: 'pr-waits', process: sleeper });
  await niwad.start({ id: 'pr-runs', process: sleeper, owner: 'ann' });
  const ids = async () => (await client.list()).map(({ id }) => id).sort();
  const prune = async (...filters: string[]) => await niwad.cli('prune', ...filters);

  expect(await prune('--filter', 'until=1h')).toEqual({ exitCode: 0, stdout: '', stderr: '' });
  expect(await prune('--filter', 'owner=ann', '--filter', 'label=a=2')).toMatchObject({ exitCode: 0, stdout: '' });
  expect(await prune('--filter', 'colour=red')).toMatchObject({
    exitCode: 2,
    stderr: expect.stringMatching(/--filter: found "colour=red"; allowed: owner=NAME/),
  });
  expect(await ids()).toEqual(['pr-ann', 'pr-bob', 'pr-runs', 'pr-waits']);
  expect(await prune('--filter', 'owner=ann', '--filter', 'label=a=1', '--filter', 'until=0s')).toMatchObject({
    stdout: 'pr-ann',
  });
  expect(JSON.parse((await prune('--json')).stdout)).toEqual({ removed: ['pr-bob'] });
  expect(await ids()).toEqual(['pr-runs', 'pr-waits']);
  expect((await client.usage({ by: 'container' })).rows.map(({ key }) => key)).toContain('pr-ann');
});

test('asks on a terminal, and takes only yes', async ({ niwad }) => {
  await niwad.client.create({ id: 'pr-asked', process: over }, { wait: true });
  const terminal = new Tmux(120, 10, { NIWA_SOCKET: niwad.socket });
  terminal.type(`${NIWA} prune; echo status $?`);
  await terminal.shows(/all ended containers\. Go on\? \[y\/N\]/);
  terminal.type('n');
  await terminal.shows(/status 1/);
  expect((await niwad.client.inspect('pr-asked')).state).toBe('exited');
  terminal.type(`clear; ${NIWA} prune; echo status $?`);
  await terminal.shows(/Go on\?/);
  terminal.type('y');
  await terminal.shows(/pr-asked\s+status 0/);
  await expect(niwad.client.inspect('pr-asked')).rejects.toMatchObject({ code: 'NOT_FOUND' });
});
