import { createHash } from 'node:crypto';
import { execa } from 'execa';
import { expect } from 'vitest';
import { NIWA } from './support/niwad.js';
import { test } from './support/test.js';

const LINES = 750_000;

test('5 MB through `niwa run` arrive whole and in order', async ({ niwad }) => {
  const args = ['--socket', niwad.socket, 'run', '--', 'seq', '1', String(LINES)];
  const { stdout } = await execa(NIWA, args, { encoding: 'buffer', stripFinalNewline: false });
  const wanted = Buffer.from(`${Array.from({ length: LINES }, (_, i) => i + 1).join('\n')}\n`);
  expect(stdout.length).toBe(wanted.length);
  expect(wanted.length).toBeGreaterThan(5_000_000);
  expect(createHash('sha256').update(stdout).digest('hex')).toBe(createHash('sha256').update(wanted).digest('hex'));
});

test('a reader that is slow loses nothing that is still kept', async ({ niwad }) => {
  const script = `"${NIWA}" --socket "${niwad.socket}" run -- seq 1 200000 | { sleep 1; tail -n 1; }`;
  const { stdout } = await execa('sh', ['-c', script]);
  expect(stdout).toBe('200000');
});
