// @ts-check
// A reporter of vitest: writes what report.mjs counts, as one line of JSON, to the file that NIWA_REPORT names.
import { writeFileSync } from 'node:fs';
import { relative } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { OF_FILE } from './report.mjs';

/** @typedef {import('vitest/node').TestModule} Module */
/** @typedef {import('vitest/node').TestCase} Case */
/** @typedef {ReturnType<Module['errors']>[number] & { diff?: string, VITEST_TEST_PATH?: string }} TestError */

const STACK_LINES = 3;

export default class Report {
  /**
   * @param {readonly Module[]} modules
   * @param {readonly TestError[]} unhandled errors that no test has caught
   */
  onTestRunEnd(modules, unhandled) {
    const uncaught = unhandled.map((error) => ({
      file: relative(process.cwd(), error.VITEST_TEST_PATH ?? ''),
      name: OF_FILE,
      status: 'failed',
      error: textOf(error),
    }));
    const run = { tests: [...modules.flatMap(testsOf), ...uncaught], files: modules.flatMap(timeOf) };
    writeFileSync(process.env.NIWA_REPORT ?? '', `${JSON.stringify(run)}\n`);
  }
}

/**
 * Gives the tests of a file, and the file itself if it failed outside of them (at its import, in a hook).
 * @param {Module} module
 */
function testsOf(module) {
  const file = module.relativeModuleId;
  const tests = [...module.children.allTests()].map((test) => ({ file, name: test.fullName, ...resultOf(test) }));
  const errors = [module, ...module.children.allSuites()].flatMap((part) => part.errors()).map(textOf);
  const unexplained = module.state() === 'failed' && tests.every(({ status }) => status !== 'failed');
  if (errors.length === 0 && !unexplained) return tests;
  return [...tests, { file, name: OF_FILE, status: 'failed', error: errors.join('\n') }];
}

/** @param {Case} test */
function resultOf(test) {
  const { state, errors = [] } = test.result();
  if (state === 'failed') return { status: state, error: errors.map(textOf).join('\n') };
  return { status: state === 'passed' ? state : 'skipped' };
}

/** @param {TestError} error @returns {string} its message, the nearest lines of the stack, the difference */
function textOf({ name, message, stacks = [], diff }) {
  const at = stacks.slice(0, STACK_LINES).map(({ file, line }) => `  at ${relative(process.cwd(), file)}:${line}`);
  return stripVTControlCharacters([`${name ?? 'Error'}: ${message}`, ...at, diff ?? ''].join('\n')).trim();
}

/** @param {Module} module nothing for a file in which no test ran */
function timeOf(module) {
  const ran = [...module.children.allTests()].filter((test) => ['passed', 'failed'].includes(test.result().state));
  const { duration, setupDuration, collectDuration } = module.diagnostic();
  const seconds = (duration + setupDuration + collectDuration) / 1000;
  return ran.length > 0 ? [{ file: module.relativeModuleId, seconds }] : [];
}
