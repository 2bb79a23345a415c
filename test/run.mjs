// @ts-check
// `npm test`: sets the machine up, then checks, builds twice, and runs all tests, those with the tag `vm` also in the
// virtual machine. `npm run test:long` (--long): chaos and soak in full. Both end with where the time went, and with
// one line: N passed, M failed, K skipped.
import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { PassThrough } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { installPackage } from './packages.mjs';
import { countsOf, NO_REPORT, ranNowhere, readRun, timeTables } from './report.mjs';
import { setup } from './setup.mjs';
import { runInVm } from './vm/machine.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const VM_TIMEOUT_SECONDS = 3000;
/** The tag at the top of a file, or among the options of a test. */
const VM_TAG = /@module-tag vm\b|'vm'/;
const REPORTERS = ['--reporter=verbose', '--reporter=json'];
/** Begins the line by which a report leaves the machine. */
const REPORT = 'niwa-report';

/** @type {import('./report.mjs').Step[]} */
const steps = [];

/**
 * Runs a program on our terminal.
 * @param {string[]} command
 * @param {NodeJS.ProcessEnv} [env] added to ours
 * @returns {Promise<number>} its exit status
 */
function run([program = '', ...args], env = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, {
      cwd: root,
      stdio: ['ignore', 'inherit', 'inherit'],
      env: { ...process.env, ...env },
    });
    child.once('error', reject);
    child.once('exit', (code) => resolve(code ?? 1));
  });
}

/**
 * Does a step and writes down how long it took.
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
async function step(name, work) {
  console.log(`\n== ${name}`);
  const begun = performance.now();
  try {
    return await work();
  } finally {
    steps.push({ name, seconds: (performance.now() - begun) / 1000 });
  }
}

/**
 * Does a step that passes or fails as a whole.
 * @param {string} name
 * @param {() => Promise<number>} work gives an exit status
 * @returns {Promise<import('./report.mjs').Run>} with this step as its only test
 */
async function whole(name, work) {
  return { tests: [{ name, status: (await step(name, work)) === 0 ? 'passed' : 'failed' }], files: [] };
}

/**
 * Installs the package into an empty project; its script builds it there with node-gyp, as it does on a machine without
 * CMake.
 * @param {string} project
 * @returns {Promise<number>} 0, or 1 where it failed
 */
async function installWithGyp(project) {
  try {
    await installPackage(project, 'niwa', [], { NIWA_BUILD: 'gyp' });
    return 0;
  } catch (error) {
    console.error(error);
    return 1;
  }
}

/**
 * @param {string} folder for the report
 * @param {string[]} what files, folders or flags of vitest
 * @param {NodeJS.ProcessEnv} [env]
 */
async function testHere(folder, what, env) {
  const path = join(folder, 'report.json');
  await run(['npx', 'vitest', 'run', ...what, ...REPORTERS, `--outputFile.json=${path}`], env);
  return readRun(path, root);
}

/**
 * The report stays in the machine: what counts of it comes out as the last line of the output, which is not shown.
 * @param {string[]} what files, folders or flags of vitest
 * @param {NodeJS.ProcessEnv} [env]
 */
async function testInVm(what, env = {}) {
  const path = '/tmp/report.json';
  const script = `npx vitest run ${[...what, ...REPORTERS].join(' ')} --outputFile.json=${path}
    node test/run.mjs --print ${path}`;
  let report = '';
  const output = new PassThrough();
  const reading = (async () => {
    for await (const line of createInterface({ input: output }))
      if (line.startsWith(REPORT)) report = line.slice(REPORT.length);
      else console.log(line);
  })();
  await runInVm(script, { cwd: root, timeoutSeconds: VM_TIMEOUT_SECONDS, memoryMiB: 3072, stdio: output, env });
  output.end();
  await reading;
  return report === '' ? NO_REPORT : JSON.parse(report);
}

/**
 * The files in which a test has the tag `vm` (vitest.config.ts): loading the others would take the machine a minute.
 */
function filesForVm() {
  return readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
    .map((name) => join('test', name))
    .filter((file) => file.endsWith('.test.ts') && VM_TAG.test(readFileSync(join(root, file), 'utf8')));
}

/**
 * All that CI runs.
 * @param {string} folder for what is made on the way
 * @returns {Promise<Record<string, import('./report.mjs').Run>>} each run by its place
 */
async function all(folder) {
  const project = join(folder, 'project');
  const steps = [
    await whole('lint, types, format', () => run(['npm', 'run', '--silent', 'check'])),
    await whole('the installation of the package, with its build by node-gyp', () => installWithGyp(project)),
    await whole('fuzzing', () => run(['node', 'test/fuzz/run.mjs', '10'])),
    await whole('the build with sanitizers', () => run(['node', 'test/sanitize.mjs', '--smoke'])),
  ];
  const gyp = { NIWA_GYP_DIR: join(project, 'node_modules/niwa/build/Release') };
  return {
    steps: { tests: steps.flatMap(({ tests }) => tests), files: [] },
    host: await step('all tests on this host', () => testHere(folder, [], gyp)),
    machine: await step('tests with the tag vm in the virtual machine', () =>
      testInVm([...filesForVm(), '--tags-filter=vm']),
    ),
  };
}

/**
 * Chaos and soak in full, for which CI has no time.
 * @param {string} folder for the report
 */
async function long(folder) {
  const env = { NIWA_LONG: '1' };
  return {
    host: await step('chaos and soak in full on this host', () => testHere(folder, ['test/chaos'], env)),
    machine: await step('chaos in full in the virtual machine', () => testInVm(['test/chaos/chaos.test.ts'], env)),
  };
}

/** @param {(folder: string) => Promise<Record<string, import('./report.mjs').Run>>} work */
async function main(work) {
  await step('set-up', () => setup({ vm: true, checks: true, fuzz: true, programs: true }));
  const folder = mkdtempSync(join(tmpdir(), 'niwa-test-'));
  try {
    const runs = await work(folder);
    const unseen = ranNowhere(Object.values(runs));
    if (unseen.length > 0)
      console.log(`\n== tests that ran neither here nor in the virtual machine\n${unseen.join('\n')}`);
    console.log(`\n${timeTables(steps, runs)}`);
    const { passed, failed, skipped } = countsOf(Object.values(runs));
    console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
    return failed === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [flag, path] = process.argv.slice(2);
if (flag === '--print' && path !== undefined) console.log(`${REPORT}${JSON.stringify(readRun(path, root))}`);
else process.exitCode = await main(flag === '--long' ? long : all);
