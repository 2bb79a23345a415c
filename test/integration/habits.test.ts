import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, describe, expect, it } from 'vitest';
import { EXIT } from '../../src/cli/exit-codes.js';
import { NIWA } from './support/niwad.js';

/** What docs/habits.md says, typed. No niwad listens: a right command line ends because of that, a wrong one as such. */
const page = readFileSync(new URL('../../docs/habits.md', import.meta.url), 'utf8');
const directory = mkdtempSync(join(tmpdir(), 'niwa-test-habits-'));
writeFileSync(join(directory, 'web.env'), 'A=1\n');
writeFileSync(join(directory, 'app.tar'), '');
writeFileSync(
  join(directory, 'shop.yaml'),
  'service: shop\nlisten: ["0.0.0.0:8080"]\nport: 80\nslots: 1\ntemplate: {process: {args: ["true"]}, lifetime: 10m}\n',
);
afterAll(() => rmSync(directory, { recursive: true }));

/** The rows of all tables, as cells. */
const rows = page
  .split('\n')
  .filter((line) => line.startsWith('| `'))
  .map((line) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim()),
  );
const wordsOf = (cell = '') => cell.replaceAll('`', '').split(' ');

async function type(words: string[]) {
  const env = { NIWA_SOCKET: join(directory, 'nobody.sock'), TOKEN: 'x' };
  return await execa(NIWA, words, { reject: false, env, cwd: directory, input: '', timeout: 30_000 });
}

async function expectRight(words: string[]): Promise<void> {
  const { exitCode, stderr } = await type(words);
  const isRight = exitCode !== EXIT.wrongUsage || /not a terminal/.test(stderr); // the test has none for -t
  expect([isRight ? 'right' : stderr, words.join(' ')]).toEqual(['right', words.join(' ')]);
}

describe.concurrent('docs/habits.md', () => {
  it('has the everyday commands', () => {
    expect(rows.length).toBeGreaterThan(60);
  });

  it.each([...new Set(rows.map((cells) => cells.find((cell) => cell.startsWith('`niwa ')) ?? ''))])(
    '%s is a right command line',
    async (cell) => {
      await expectRight(wordsOf(cell).slice(1));
    },
  );

  it.each(rows.filter((cells) => cells.length === 4).map(([docker, , , habit]) => [docker, habit] as const))(
    '%s, with niwa in place of docker: %s',
    async (docker, habit) => {
      const words = wordsOf(docker).slice(1);
      if (habit === 'works') return await expectRight(words);
      expect(habit).toBe('says');
      const { exitCode, stderr } = await type(words);
      expect([exitCode, stderr]).toEqual([EXIT.wrongUsage, expect.stringMatching(/^niwa: .*(niwa|skopeo) \w+/s)]);
    },
  );
});
