import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { expect, it, onTestFinished } from 'vitest';
import { OF_FILE, type Run } from '../report.mjs';

const REPORTER = fileURLToPath(new URL('../reporter.mjs', import.meta.url));

const FILES = {
  'plain.test.js': `
    describe('a group', () => { it('passes', () => {}); it('fails', () => expect(1).toBe(2)); });
    it.skip('is skipped', () => {});
    it('skips itself', ({ skip }) => skip());`,
  'hook.test.js': `
    describe('a group', () => { beforeAll(() => { throw new Error('no daemon'); }); it('cannot run', () => {}); });`,
  'left.test.js': `afterAll(() => { throw new Error('a group is left'); }); it('passes', () => {});`,
  'import.test.js': `import './nowhere.js';`,
  'uncaught.test.js': `it('passes', () => { Promise.reject(new Error('nobody awaits')); });`,
};

/** Runs vitest on files of its own; gives the report. */
async function report(): Promise<Run> {
  const folder = mkdtempSync(join(tmpdir(), 'niwa-reporter-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'tests'));
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, 'tests', name), text);
  const path = join(folder, 'report.json');
  await execa('npx', ['vitest', 'run', '--root', folder, '--globals', `--reporter=${REPORTER}`], {
    env: { NIWA_REPORT: path },
    reject: false,
  });
  return JSON.parse(readFileSync(path, 'utf8'));
}

it('reports each test, and each file that failed outside of its tests, with the reason', async () => {
  const { tests, files } = await report();
  const of = (name: string) => tests.filter(({ file }) => file.endsWith(name)).map(({ file: _, ...test }) => test);
  expect(of('plain.test.js')).toEqual([
    { name: 'a group > passes', status: 'passed' },
    { name: 'a group > fails', status: 'failed', error: expect.stringContaining('expected 1 to be 2') },
    { name: 'is skipped', status: 'skipped' },
    { name: 'skips itself', status: 'skipped' },
  ]);
  expect(of('plain.test.js')[1]).toMatchObject({ error: expect.stringMatching(/at .*plain\.test\.js:2/) });
  const failed = (reason: string) => ({ name: OF_FILE, status: 'failed', error: expect.stringContaining(reason) });
  expect(of('hook.test.js')).toEqual([{ name: 'a group > cannot run', status: 'skipped' }, failed('no daemon')]);
  expect(of('left.test.js')).toEqual([{ name: 'passes', status: 'passed' }, failed('a group is left')]);
  expect(of('import.test.js')).toEqual([failed('nowhere.js')]);
  expect(of('uncaught.test.js')).toEqual([{ name: 'passes', status: 'passed' }, failed('nobody awaits')]);
  expect(files.map(({ file }) => file).sort()).toEqual([
    'tests/left.test.js',
    'tests/plain.test.js',
    'tests/uncaught.test.js',
  ]);
});
