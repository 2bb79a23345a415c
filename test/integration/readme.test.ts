import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { needsController } from './support/host.js';
import { test } from './support/test.js';

/** What README.md shows is what niwa prints. */
const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8');

/** The lines that README.md shows below a command line of its own. */
function shownBelow(command: string): string[] {
  const lines = readme.split('\n');
  const at = lines.findIndex((line) => line.startsWith(`    $ ${command}`));
  if (at < 0) throw new Error(`README.md does not show ${command}`);
  const below = lines.slice(at + 1);
  const end = below.findIndex((line) => !/^ {4}(?!\$)/.test(line));
  return below.slice(0, end).map((line) => line.slice(4));
}

const headingsOf = (line = '') => line.trim().split(/ {2,}/);

test('the tables of README.md have the columns that niwa prints', async ({ niwad }) => {
  await niwad.run({ id: 'shown', owner: 'alice', process: { args: ['true'] } });
  const [ps, usage] = await Promise.all([niwad.cli('ps', '-a'), niwad.cli('usage', '--by', 'owner', '--since', '24h')]);
  expect(headingsOf(shownBelow('niwa ps -a')[0])).toEqual(headingsOf(ps.stdout.split('\n')[0]));
  expect(headingsOf(shownBelow('niwa usage --by owner')[0])).toEqual(headingsOf(usage.stdout.split('\n')[0]));
});

test('the steps of a start in README.md are those that niwa plans', { tags: 'vm' }, async ({ niwad, skip }) => {
  for (const controller of ['cpu', 'memory', 'pids'] as const) needsController(skip, controller);
  const { stdout } = await niwad.cli('plan', '--cpus', '0.5', '--lifetime', '5s', '--', 'sleep', '10');
  // Sizes, ids and the group of niwad differ from host to host, and the list of capabilities is cut in README.md.
  const words = (line: string) =>
    line
      .replaceAll(/[0-9]{6,}/g, 'N')
      .replace(/cgroup\/\S+\/containers/, 'cgroup/niwa/containers')
      .replaceAll(/\(CHOWN.*\)/g, '')
      .trim();
  const planned = stdout.split('\n').map(words);
  const shown = shownBelow('niwa plan')
    .map(words)
    .filter((line) => line !== '...');
  expect(shown.length).toBeGreaterThan(10);
  for (const line of shown) expect(planned).toContain(line);
});
