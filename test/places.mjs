// @ts-check
// Runs vitest in the two places of `npm test`: on this host, and in the virtual machine.
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { stripVTControlCharacters } from 'node:util';
import { failedRun } from './report.mjs';
import { runInVm } from './vm/machine.mjs';

/** @typedef {import('./report.mjs').Run} Run */

const root = fileURLToPath(new URL('..', import.meta.url));
/** The machine runs no longer than this, if nothing else is said. */
const VM_TIMEOUT_SECONDS = 3000;
/** The machine leaves the processor to the tests of the host, which measure shorter times. */
const VM_NICE = 5;
const REPORTERS = '--reporter=verbose --reporter=./test/reporter.mjs';
/** Begins the line by which a report leaves the machine. */
const REPORT = 'niwa-report';
const TAIL_BYTES = 4096;
const TAIL_LINES = 12;
const LAST_OUTPUT_MS = 2000;

/**
 * Runs a program on our terminal.
 * @param {string[]} command
 * @param {NodeJS.ProcessEnv} [env] added to ours
 * @returns {Promise<{ status: number, tail: string }>} its exit status, and the last lines of its output
 */
export function run([program = '', ...args], env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    const streams = [child.stdout, child.stderr];
    let tail = '';
    for (const stream of streams)
      stream.on('data', (bytes) => {
        process.stdout.write(bytes);
        tail = `${tail}${bytes}`.slice(-TAIL_BYTES);
      });
    child.once('error', reject);
    // A process that a test has left may hold the pipes open: they are then closed here.
    child.once('exit', () =>
      setTimeout(() => streams.forEach((stream) => void stream.destroy()), LAST_OUTPUT_MS).unref(),
    );
    child.once('close', (code) => resolve({ status: code ?? 1, tail: lastLines(tail) }));
  });
}

/**
 * Runs vitest on this host.
 * @param {string} folder for the report
 * @param {string[]} what files, folders or flags of vitest
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<Run>}
 */
export async function testHere(folder, what, env) {
  const path = join(folder, 'report.json');
  const command = ['npx', 'vitest', 'run', ...what, ...REPORTERS.split(' ')];
  const { status, tail } = await run(command, { ...env, NIWA_REPORT: path });
  return checkedRun(readReport(path), status, tail);
}

/**
 * Runs vitest in the virtual machine. The report comes out as a line of the output that is not shown; other lines are
 * marked, because the host may print between them.
 * @param {string[]} what files, folders or flags of vitest
 * @param {NodeJS.ProcessEnv} [env]
 * @param {number} [timeoutSeconds] how long the machine runs at most
 * @returns {Promise<Run>}
 */
export async function testInVm(what, env = {}, timeoutSeconds = VM_TIMEOUT_SECONDS) {
  const path = '/tmp/report.json';
  const script = `npx vitest run ${what.join(' ')} ${REPORTERS}
    status=$?; sed s/^/${REPORT}/ ${path}; exit $status`;
  let report = '';
  let tail = '';
  const output = new PassThrough();
  const reading = (async () => {
    for await (const line of createInterface({ input: output })) {
      if (line.startsWith(REPORT)) report = line.slice(REPORT.length);
      else console.log(`vm| ${line}`);
      if (!line.startsWith(REPORT)) tail = `${tail}${line}\n`.slice(-TAIL_BYTES);
    }
  })();
  const status = await runInVm(script, {
    cwd: root,
    timeoutSeconds,
    memoryMiB: 3072,
    nice: VM_NICE,
    stdio: output,
    env: { ...env, NIWA_REPORT: path },
  }).catch((error) => {
    tail = String(error);
    return 1;
  });
  output.end();
  await reading;
  return checkedRun(report, status, lastLines(tail));
}

/** @param {string} path @returns {string} '' without the file */
function readReport(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** @param {string} report @returns {Run | undefined} nothing if it is not whole */
function parsed(report) {
  try {
    return JSON.parse(report);
  } catch {
    return undefined;
  }
}

/** @param {string} text */
function lastLines(text) {
  return stripVTControlCharacters(text).trimEnd().split('\n').slice(-TAIL_LINES).join('\n');
}

/**
 * @param {string} report '' if there is none
 * @param {number} status the exit status of vitest
 * @param {string} tail the end of its output
 * @returns {Run} with a test that failed if vitest failed and the report does not say why
 */
function checkedRun(report, status, tail) {
  const end = `vitest ended with status ${status}`;
  const run = parsed(report);
  if (run === undefined) return failedRun('no report', `${end}, and has written no report:\n${tail}`);
  const explained = status === 0 || run.tests.some((test) => test.status === 'failed');
  if (!explained) run.tests.push(...failedRun('vitest', `${end}, and no test failed:\n${tail}`).tests);
  return run;
}

/**
 * Finds the files in which a test has a tag (vitest.config.ts), at their top or among the options of a test: loading
 * the others would take the machine a minute.
 * @param {(file: string) => boolean} wanted which of them
 * @param {string} tag
 * @returns {string[]} words for vitest: the files, and the filter for the tag
 */
export function taggedTests(wanted, tag = 'vm') {
  const written = new RegExp(`@module-tag ${tag}$|'${tag}'`, 'm');
  const files = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .map((name) => join('test', name))
    .filter(
      (file) => file.endsWith('.test.ts') && wanted(file) && written.test(readFileSync(join(root, file), 'utf8')),
    );
  return [...files, `--tags-filter=${tag}`];
}
