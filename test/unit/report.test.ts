import { expect, it } from 'vitest';
import { countsOf, NO_REPORT, ranNowhere, readRun, runOf, timeTables } from '../report.mjs';

const ROOT = '/project';

/** The report of vitest of one file. */
const fileOf = (name: string, tests: Record<string, string>, ms = 1000) => ({
  name: `${ROOT}/${name}`,
  status: Object.values(tests).includes('failed') ? 'failed' : 'passed',
  startTime: 5000,
  endTime: 5000 + ms,
  assertionResults: Object.entries(tests).map(([fullName, status]) => ({ fullName, status })),
});

const host = runOf(
  { testResults: [fileOf('a.test.ts', { one: 'passed', two: 'skipped', three: 'pending', four: 'failed' })] },
  ROOT,
);
const machine = runOf({ testResults: [fileOf('a.test.ts', { one: 'passed', two: 'passed', three: 'skipped' })] }, ROOT);

it('counts what ran as often as it ran, and as skipped what ran in no place', () => {
  expect(countsOf([host, machine])).toEqual({ passed: 3, failed: 1, skipped: 1 });
  expect(ranNowhere([host, machine])).toEqual(['a.test.ts > three']);
  expect(ranNowhere([host])).toEqual(['a.test.ts > two', 'a.test.ts > three']);
});

it('takes a file that cannot be loaded, and a run without a report, for a failure', () => {
  const broken = runOf({ testResults: [{ ...fileOf('b.test.ts', {}), status: 'failed' }] }, ROOT);
  expect(countsOf([broken])).toEqual({ passed: 0, failed: 1, skipped: 0 });
  expect(countsOf([readRun('/nowhere/report.json', ROOT)])).toEqual({ passed: 0, failed: 1, skipped: 0 });
  expect(countsOf([NO_REPORT])).toMatchObject({ failed: 1 });
});

it('shows each step, the sum, and the slowest files, without those of which nothing ran', () => {
  const steps = [
    { name: 'set-up', seconds: 2.4 },
    { name: 'tests', seconds: 90 },
  ];
  const slow = runOf(
    {
      testResults: [
        fileOf('fast.test.ts', { one: 'passed' }, 1000),
        fileOf('slow.test.ts', { one: 'passed' }, 30_000),
        fileOf('skipped.test.ts', { one: 'skipped' }, 99_000),
      ],
    },
    ROOT,
  );
  expect(timeTables(steps, { host: slow }).split('\n')).toEqual([
    '== where the time went, in seconds',
    '     2  set-up',
    '    90  tests',
    '    92  all',
    '',
    '== the slowest files of tests, in seconds',
    '    30  host             slow.test.ts',
    '     1  host             fast.test.ts',
  ]);
});
