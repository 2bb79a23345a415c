// @ts-check
// What `npm test` tells at its end: where the time went, which tests ran in no place, and the counts.
import { readFileSync } from 'node:fs';
import { relative } from 'node:path';

/**
 * A test of one run. Its name begins with its file, so that the runs of several places can be compared.
 * @typedef {{ name: string, status: 'passed' | 'failed' | 'skipped' }} Test
 */

/**
 * A run of vitest in one place. `files` says how long each file took; without an entry for one in which nothing ran.
 * @typedef {{ tests: Test[], files: { file: string, seconds: number }[] }} Run
 */

/** @typedef {{ name: string, seconds: number }} Step */
/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

const SLOWEST = 20;

/** What stands for a run that left no report: it failed. @type {Run} */
export const NO_REPORT = { tests: [{ name: 'no report', status: 'failed' }], files: [] };

/**
 * Reads the JSON report of vitest.
 * @param {string} path of the report
 * @param {string} root of the project: files are named from there
 * @returns {Run} NO_REPORT where there is none, or none that can be read
 */
export function readRun(path, root) {
  try {
    return runOf(JSON.parse(readFileSync(path, 'utf8')), root);
  } catch {
    return NO_REPORT;
  }
}

/**
 * @param {any} report as vitest's reporter `json` writes it
 * @param {string} root
 * @returns {Run} a file that could not be loaded is a test that failed
 */
export function runOf({ testResults }, root) {
  /** @type {Run} */
  const run = { tests: [], files: [] };
  for (const { name, status, assertionResults, startTime, endTime } of testResults) {
    const file = relative(root, name);
    for (const test of assertionResults) run.tests.push({ name: `${file} > ${test.fullName}`, status: statusOf(test) });
    if (status === 'failed' && assertionResults.length === 0) run.tests.push({ name: file, status: 'failed' });
    if (assertionResults.some((/** @type {any} */ test) => statusOf(test) !== 'skipped'))
      run.files.push({ file, seconds: (endTime - startTime) / 1000 });
  }
  return run;
}

/** @param {{ status: string }} test @returns {Test['status']} */
function statusOf({ status }) {
  return status === 'passed' || status === 'failed' ? status : 'skipped';
}

/**
 * Counts the tests of several runs: each time that one passed or failed counts, and is skipped what ran in none of
 * them.
 * @param {Run[]} runs
 * @returns {Counts}
 */
export function countsOf(runs) {
  const tests = runs.flatMap((run) => run.tests);
  const count = (/** @type {Test['status']} */ status) => tests.filter((test) => test.status === status).length;
  return { passed: count('passed'), failed: count('failed'), skipped: ranNowhere(runs).length };
}

/**
 * Gives the tests that ran in no place, by name.
 * @param {Run[]} runs
 * @returns {string[]}
 */
export function ranNowhere(runs) {
  const tests = runs.flatMap((run) => run.tests);
  const ran = new Set(tests.filter(({ status }) => status !== 'skipped').map(({ name }) => name));
  return [...new Set(tests.map(({ name }) => name))].filter((name) => !ran.has(name));
}

/**
 * Says where the time went.
 * @param {Step[]} steps in their order
 * @param {Record<string, Run>} runs by the place where each was
 * @returns {string} two tables, each line with its seconds first
 */
export function timeTables(steps, runs) {
  const line = (/** @type {number} */ seconds, /** @type {string} */ words) =>
    `${seconds.toFixed(0).padStart(6)}  ${words}`;
  const total = steps.reduce((sum, { seconds }) => sum + seconds, 0);
  const files = Object.entries(runs).flatMap(([place, { files }]) => files.map((one) => ({ ...one, place })));
  const slowest = files.toSorted((a, b) => b.seconds - a.seconds).slice(0, SLOWEST);
  return [
    '== where the time went, in seconds',
    ...steps.map(({ name, seconds }) => line(seconds, name)),
    line(total, 'all'),
    '',
    '== the slowest files of tests, in seconds',
    ...slowest.map(({ place, file, seconds }) => line(seconds, `${place.padEnd(15)}  ${file}`)),
  ].join('\n');
}
