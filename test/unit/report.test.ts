import { expect, it } from 'vitest';
import {
  countsOf,
  failedRun,
  failureTables,
  filesToRepeat,
  OF_FILE,
  type Run,
  ranNowhere,
  type Test,
  timeTables,
  withRepetition,
} from '../report.mjs';

/** A run of one file, whose tests are given by their name; a failure has an error. */
function runOf(file: string, tests: Record<string, Test['status']>, seconds = 1): Run {
  const of = ([name, status]: [string, Test['status']]) => ({ file, name, status, error: `${name}: broken` });
  return { tests: Object.entries(tests).map(of), files: [{ file, seconds }] };
}

const names = (run: Run, status: Test['status']) =>
  run.tests.filter((one) => one.status === status).map(({ name }) => name);

const host = runOf('a.test.ts', { one: 'passed', two: 'skipped', three: 'skipped', four: 'failed' });
const machine = runOf('a.test.ts', { one: 'passed', two: 'passed', three: 'skipped' });

it('counts what ran as often as it ran, and as skipped what ran in no place', () => {
  expect(countsOf([host, machine])).toEqual({ passed: 3, failed: 1, skipped: 1, unsteady: 0 });
  expect(ranNowhere([host, machine])).toEqual(['a.test.ts > three']);
  expect(ranNowhere([host])).toEqual(['a.test.ts > two', 'a.test.ts > three']);
  expect(countsOf([failedRun('no report', 'status 1')])).toMatchObject({ failed: 1 });
});

it('repeats the files of failed tests in their place, each once', () => {
  const two = runOf('b.test.ts', { one: 'failed', two: 'failed', three: 'passed' });
  expect(filesToRepeat({ host: two, machine })).toEqual({ host: ['b.test.ts'] });
  expect(filesToRepeat({ host: two, machine: host })).toEqual({ host: ['b.test.ts'], machine: ['a.test.ts'] });
  expect(filesToRepeat({ steps: failedRun('fuzzing', ''), machine: failedRun('no report', '') })).toEqual({});
});

it('repeats nothing if more than ten tests failed', () => {
  const failing = (count: number) =>
    runOf('b.test.ts', Object.fromEntries(Array.from({ length: count }, (_, at) => [`test ${at}`, 'failed'])));
  expect(filesToRepeat({ host: failing(10) })).toEqual({ host: ['b.test.ts'] });
  expect(filesToRepeat({ host: failing(10), machine: host })).toEqual({});
  expect(failureTables({ host: failing(10) })).not.toContain('none of them was repeated');
  expect(failureTables({ host: failing(11) })).toContain('more than 10 failed: none of them was repeated alone');
});

it('counts a test that passes alone as passed and unsteady, and no test twice', () => {
  const first = runOf('a.test.ts', { good: 'passed', slow: 'failed', bad: 'failed', absent: 'failed', off: 'skipped' });
  const again = runOf('a.test.ts', {
    good: 'failed',
    slow: 'passed',
    bad: 'failed',
    absent: 'skipped',
    off: 'skipped',
  });
  const run = withRepetition(first, again);
  expect(names(run, 'passed')).toEqual(['good', 'slow']);
  expect(names(run, 'failed')).toEqual(['bad', 'absent']);
  expect(run.unsteady).toMatchObject([{ name: 'slow', error: 'slow: broken' }]);
  expect(countsOf([run])).toEqual({ passed: 2, failed: 2, skipped: 1, unsteady: 1 });
  expect(withRepetition(first, failedRun('no report', '')).unsteady).toEqual([]);
});

it('takes a file that failed outside of its tests for unsteady if all of it passes alone', () => {
  const first = runOf('a.test.ts', { ran: 'passed', 'did not run': 'skipped', off: 'skipped', [OF_FILE]: 'failed' });
  const passed = runOf('a.test.ts', { ran: 'passed', 'did not run': 'passed', off: 'skipped' });
  const run = withRepetition(first, passed);
  expect(names(run, 'passed')).toEqual(['ran', 'did not run']);
  expect(countsOf([run])).toEqual({ passed: 2, failed: 0, skipped: 1, unsteady: 1 });
  const failed = runOf('a.test.ts', { ran: 'passed', 'did not run': 'failed' });
  expect(countsOf([withRepetition(first, failed)])).toMatchObject({ failed: 1, unsteady: 0 });
});

it('names what failed with its place and its error, within the bounds', () => {
  const long = { file: 'b.test.ts', name: 'long', status: 'failed' as const, error: `${'x'.repeat(500)}\n`.repeat(50) };
  const unsteady = [{ file: 'c.test.ts', name: 'slow', status: 'failed' as const, error: 'late by 3 s' }];
  const text = failureTables({ host, machine: { tests: [long], files: [], unsteady } });
  const lines = text.split('\n');
  expect(lines.slice(0, 4)).toEqual([
    '== failed',
    'host: a.test.ts > four',
    '    four: broken',
    'machine: b.test.ts > long',
  ]);
  expect(lines.filter((line) => line.includes('xxx'))).toEqual(Array(15).fill(`    ${'x'.repeat(160)}`));
  expect(text).toMatch(/== FAILED BESIDE OTHERS, PASSED ALONE.*\nmachine: c\.test\.ts > slow\n {4}late by 3 s$/);
  const many = { tests: Array(50).fill(long), files: [] };
  expect(failureTables({ machine: many }).length).toBeLessThan(20_000);
  expect(failureTables({ machine: many })).toContain('and 30 more');
  expect(failureTables({ host: machine })).toBe('');
});

it('shows each step, the whole time, and the slowest files', () => {
  const steps = [
    { name: 'set-up', seconds: 2.4 },
    { name: 'machine', seconds: 80, beside: true },
    { name: 'tests', seconds: 90 },
  ];
  const runs = { host: runOf('slow.test.ts', {}, 30), machine: runOf('fast.test.ts', {}, 1) };
  expect(timeTables(steps, 93, runs).split('\n')).toEqual([
    '== where the time went, in seconds',
    '     2  set-up',
    '    80  machine, beside the other steps',
    '    90  tests',
    '    93  all',
    '',
    '== the slowest files of tests, in seconds',
    '    30  host             slow.test.ts',
    '     1  machine          fast.test.ts',
  ]);
});
