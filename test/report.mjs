// @ts-check
// What `npm test` tells at its end: the tests that ran in no place, where the time went, what failed, and the counts.

/**
 * A test of one run, `error` is why it failed. A file that failed outside of its tests has one more "test" named
 * OF_FILE. A step of CI that is no run of vitest is one test without a file.
 * @typedef {{ file: string, name: string, status: 'passed' | 'failed' | 'skipped', error?: string }} Test
 */

/**
 * A run of vitest in one place. `files` says how long each file took, without those in which nothing ran. `unsteady`
 * are the tests that failed beside others and passed alone; they are also among `tests`, as passed.
 * @typedef {{ tests: Test[], files: { file: string, seconds: number }[], unsteady?: Test[] }} Run
 */

/** `beside`: while the other steps went on. @typedef {{ name: string, seconds: number, beside?: boolean }} Step */
/** @typedef {{ passed: number, failed: number, skipped: number, unsteady: number }} Counts */

export const OF_FILE = '(the file outside of its tests)';

/** If more tests failed, none is repeated, and the run fails. */
export const MOST_REPEATED = 10;

const SLOWEST = 20;
const FAILURES_SHOWN = 20;
/** CI may keep only the last 12 KB of the output. These bounds let all failures fit. */
const ERROR_LINES = 15;
const ALL_ERROR_LINES = 80;
const LINE_LENGTH = 160;

/** @param {Test} test */
const fullName = ({ file, name }) => (file === '' ? name : `${file} > ${name}`);

/** @param {Run[]} runs */
const testsOf = (runs) => runs.flatMap(({ tests }) => tests);

/**
 * What stands for a run without a report, and for a step that failed.
 * @param {string} name
 * @param {string} error
 * @returns {Run}
 */
export function failedRun(name, error) {
  return { tests: [{ file: '', name, status: 'failed', error }], files: [] };
}

/**
 * Counts the tests of several runs: each time that one passed or failed counts, and is skipped what ran in none of
 * them.
 * @param {Run[]} runs
 * @returns {Counts}
 */
export function countsOf(runs) {
  const count = (/** @type {Test['status']} */ status) => testsOf(runs).filter((test) => test.status === status).length;
  const unsteady = runs.reduce((sum, run) => sum + (run.unsteady?.length ?? 0), 0);
  return { passed: count('passed'), failed: count('failed'), skipped: ranNowhere(runs).length, unsteady };
}

/**
 * Gives the tests that ran in no place, by name.
 * @param {Run[]} runs
 * @returns {string[]}
 */
export function ranNowhere(runs) {
  const tests = testsOf(runs);
  const ran = new Set(tests.filter(({ status }) => status !== 'skipped').map(fullName));
  return [...new Set(tests.map(fullName))].filter((name) => !ran.has(name));
}

/** @param {Test} test */
const hasFailedInFile = ({ file, status }) => file !== '' && status === 'failed';

/**
 * How many tests have failed, each counted once for its place. Steps are none: they are never repeated.
 * @param {Record<string, Run>} runs by place
 */
function numberFailed(runs) {
  const failed = Object.entries(runs).flatMap(([place, { tests }]) =>
    tests.filter(hasFailedInFile).map((test) => `${place}: ${fullName(test)}`),
  );
  return new Set(failed).size;
}

/**
 * Says which files of each run have to be repeated alone, because a test of them failed.
 * @param {Record<string, Run>} runs by place
 * @returns {Record<string, string[]>} the files by place, without the places that have none; nothing at all where more
 *   than MOST_REPEATED tests failed
 */
export function filesToRepeat(runs) {
  if (numberFailed(runs) > MOST_REPEATED) return {};
  const failed = Object.entries(runs).map(([place, { tests }]) => ({ place, tests: tests.filter(hasFailedInFile) }));
  const files = failed.map(({ place, tests }) => [place, [...new Set(tests.map(({ file }) => file))]]);
  return Object.fromEntries(files.filter(([, some]) => some?.length));
}

/**
 * Takes what failed the first time and passed when its file was repeated for passed, and notes it as unsteady. Each
 * test stays counted once.
 * @param {Run} first
 * @param {Run} again the repetition of the files in which a test of `first` failed
 * @returns {Run}
 */
export function withRepetition(first, again) {
  /** @param {Test} test */
  const ofFile = ({ file }) => again.tests.filter((test) => test.file === file);
  /** @param {Test} test whether it passed alone; for a file: whether all of it did */
  const passedAlone = (test) => {
    const same = ofFile(test).filter(({ name }) => name === test.name);
    const ran = (test.name === OF_FILE ? ofFile(test) : same).filter(({ status }) => status !== 'skipped');
    return ran.length > 0 && ran.every(({ status }) => status === 'passed');
  };
  const unsteady = first.tests.filter((test) => test.status === 'failed' && passedAlone(test));
  const files = new Set(unsteady.filter(({ name }) => name === OF_FILE).map(({ file }) => file));
  const tests = first.tests
    .filter((test) => !(test.name === OF_FILE && files.has(test.file)))
    .map((test) => {
      if (unsteady.includes(test)) return { ...test, status: /** @type {const} */ ('passed') };
      if (test.status !== 'skipped' || !files.has(test.file)) return test;
      return ofFile(test).find(({ name }) => name === test.name) ?? test; // a hook of its file failed before it
    });
  return { ...first, tests, unsteady };
}

/**
 * Says where the time went.
 * @param {Step[]} steps in their order
 * @param {number} total in seconds: less than the sum of the steps if some ran beside others
 * @param {Record<string, Run>} runs by the place where each was
 * @returns {string} two tables, each line with its seconds first
 */
export function timeTables(steps, total, runs) {
  const line = (/** @type {number} */ seconds, /** @type {string} */ words) =>
    `${seconds.toFixed(0).padStart(6)}  ${words}`;
  const files = Object.entries(runs).flatMap(([place, { files }]) => files.map((one) => ({ ...one, place })));
  const slowest = files.toSorted((a, b) => b.seconds - a.seconds).slice(0, SLOWEST);
  return [
    '== where the time went, in seconds',
    ...steps.map(({ name, seconds, beside }) => line(seconds, `${name}${beside ? ', beside the other steps' : ''}`)),
    line(total, 'all'),
    '',
    '== the slowest files of tests, in seconds',
    ...slowest.map(({ place, file, seconds }) => line(seconds, `${place.padEnd(15)}  ${file}`)),
  ].join('\n');
}

/**
 * Names each test that failed, and each that failed beside others and passed alone, with the first lines of its error.
 * @param {Record<string, Run>} runs by place
 * @returns {string} '' if there is none
 */
export function failureTables(runs) {
  const places = Object.entries(runs);
  const failed = places.flatMap(([place, { tests }]) =>
    tests.filter(({ status }) => status === 'failed').map((test) => ({ place, test })),
  );
  const unsteady = places.flatMap(([place, run]) => (run.unsteady ?? []).map((test) => ({ place, test })));
  const count = Math.min(failed.length, FAILURES_SHOWN) + Math.min(unsteady.length, FAILURES_SHOWN);
  const lines = Math.max(1, Math.min(ERROR_LINES, Math.floor(ALL_ERROR_LINES / count)));
  return [
    ...table('failed', failed, lines),
    ...(numberFailed(runs) > MOST_REPEATED
      ? [`more than ${MOST_REPEATED} failed: none of them was repeated alone`]
      : []),
    ...table('FAILED BESIDE OTHERS, PASSED ALONE: tests or code that cannot be relied on', unsteady, lines),
  ].join('\n');
}

/**
 * @param {string} title
 * @param {{ place: string, test: Test }[]} entries
 * @param {number} lines of each error
 * @returns {string[]}
 */
function table(title, entries, lines) {
  if (entries.length === 0) return [];
  const shown = entries.slice(0, FAILURES_SHOWN);
  const more = entries.length - shown.length;
  return [
    `== ${title}`,
    ...shown.flatMap(({ place, test }) => [`${place}: ${fullName(test)}`, ...firstLines(test.error ?? '', lines)]),
    ...(more > 0 ? [`and ${more} more`] : []),
  ];
}

/** @param {string} text @param {number} count */
function firstLines(text, count) {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.slice(0, count).map((line) => `    ${line.slice(0, LINE_LENGTH)}`);
}
