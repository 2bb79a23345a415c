// @ts-check
// `npm test`: sets the machine up, then runs the tests with the tag `vm` in the virtual machine, and beside it checks,
// another build, and all tests on this host. `npm run test:long` (--long): chaos, soak, services in full, and the tests
// with the tag `vm-long` in the virtual machine. `npm run test:engines` (--engines): container engines drive niwa. All
// end with where the time went, what failed, and two lines: how many failed beside others and passed alone; N passed, M
// failed, K skipped.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { installPackage } from './packages.mjs';
import { run, taggedTests, testHere, testInVm } from './places.mjs';
import {
  countsOf,
  failedRun,
  failureTables,
  filesToRepeat,
  ranNowhere,
  timeTables,
  withRepetition,
} from './report.mjs';
import { setup } from './setup.mjs';

/** @typedef {import('./report.mjs').Run} Run */
/** @typedef {(files: string[]) => Promise<Run>} Repeat runs files of a place once more */

/** Engines are slow there: a command of podman takes ten seconds, and half a minute where others use the processors. */
const ENGINES_VM_SECONDS = 7200;

/** The tests of container engines, by the beginnings of their paths; CI has no time for those of the first folder. */
const ENGINES = ['test/engines/', 'test/integration/oci-podman', 'test/integration/oci-containerd'];

/** @type {import('./report.mjs').Step[]} */
const steps = [];
const begun = performance.now();

/** @param {number} since */
const secondsSince = (since) => (performance.now() - since) / 1000;

/**
 * Does a step and writes down how long it took.
 * @template T
 * @param {string} name
 * @param {() => Promise<T>} work
 * @param {boolean} [beside] whether the other steps go on meanwhile
 * @returns {Promise<T>}
 */
async function step(name, work, beside = false) {
  console.log(`\n== ${name}`);
  const since = performance.now();
  try {
    return await work();
  } finally {
    steps.push({ name, seconds: secondsSince(since), beside });
  }
}

/**
 * Does a step that passes or fails as a whole.
 * @param {string} name
 * @param {() => Promise<{ status: number, tail: string }>} work
 * @returns {Promise<Run>} with this step as its only test
 */
async function whole(name, work) {
  const { status, tail } = await step(name, work);
  return status === 0 ? { tests: [{ file: '', name, status: 'passed' }], files: [] } : failedRun(name, tail);
}

/**
 * Installs the package into an empty project; its script builds it there with node-gyp, as it does on a machine without
 * CMake.
 * @param {string} project
 */
async function installWithGyp(project) {
  try {
    await installPackage(project, 'niwa', [], { NIWA_BUILD: 'gyp' });
    return { status: 0, tail: '' };
  } catch (error) {
    console.error(error);
    return { status: 1, tail: String(error) };
  }
}

/**
 * All that CI runs. The machine sees the files of the host, so nothing beside it may build in the folder of the
 * project.
 * @param {string} folder for what is made on the way
 * @returns {Promise<Record<string, Run>>} each run by its place
 */
async function all(folder) {
  const example = await whole('an example that the virtual machine cannot build', () =>
    run(['examples/apache-php/build.sh']),
  );
  /** @type {Repeat} */
  const inVm = (files) => testInVm([...files, '--tags-filter=vm']);
  const tagged = taggedTests((file) => !file.startsWith('test/engines/'));
  const machine = step('tests with the tag vm in the virtual machine', () => testInVm(tagged), true);
  const project = join(folder, 'project');
  const env = { NIWA_SKIP_SETUP: '1' };
  const wholes = [
    example,
    await whole('lint, types, format', () => run(['npm', 'run', '--silent', 'check'])),
    await whole('the installation of the package, with its build by node-gyp', () => installWithGyp(project)),
    await whole('fuzzing', () => run(['node', 'test/fuzz/run.mjs', '10'], env)),
    await whole('the build with sanitizers', () => run(['node', 'test/sanitize.mjs', '--smoke'], env)),
  ];
  const gyp = { NIWA_GYP_DIR: join(project, 'node_modules/niwa/build/Release') };
  /** @type {Repeat} */
  const here = (files) => testHere(folder, [...files, '--project=!engines'], gyp);
  const host = await step('all tests on this host', () => here([]));
  const runs = await repeatedAlone({ host, machine: await machine }, { host: here, machine: inVm });
  return { steps: { tests: wholes.flatMap(({ tests }) => tests), files: [] }, ...runs };
}

/**
 * Runs the files in which a test failed once more, one place after the other, with nothing beside them.
 * @param {Record<string, Run>} runs by place
 * @param {Record<string, Repeat>} repeat by place
 */
async function repeatedAlone(runs, repeat) {
  const results = { ...runs };
  const failed = filesToRepeat(runs);
  for (const [place, first] of Object.entries(runs)) {
    const [files, again] = [failed[place], repeat[place]];
    if (files === undefined || again === undefined) continue;
    const name = `again, alone (${place}): ${files.join(' ')}`;
    results[place] = withRepetition(first, await step(name, () => again(files)));
  }
  return results;
}

/**
 * Chaos, soak, and services under load in full, and tests with the tag vm-long, for which CI has no time.
 * @param {string} folder for the report
 * @returns {Promise<Record<string, Run>>}
 */
async function long(folder) {
  const env = { NIWA_LONG: '1' };
  return {
    host: await step('chaos, soak and services in full on this host', () =>
      testHere(folder, ['test/chaos', 'test/examples/services'], env),
    ),
    machine: await step('chaos in full in the virtual machine', () => testInVm(['test/chaos/chaos.test.ts'], env)),
    tagged: await step('tests with the tag vm-long in the virtual machine', () =>
      testInVm(taggedTests(() => true, 'vm-long')),
    ),
  };
}

/**
 * Container engines that drive niwa, for most of which CI has no time.
 * @param {string} folder for the report
 * @returns {Promise<Record<string, Run>>}
 */
async function engines(folder) {
  const tagged = taggedTests((file) => ENGINES.some((start) => file.startsWith(start)));
  return {
    host: await step('container engines on this host', () => testHere(folder, ENGINES)),
    machine: await step('container engines in the virtual machine', () => testInVm(tagged, {}, ENGINES_VM_SECONDS)),
  };
}

/** @param {Record<string, Run>} runs @returns {number} the exit status */
function tell(runs) {
  const { passed, failed, skipped, unsteady } = countsOf(Object.values(runs));
  const unseen = ranNowhere(Object.values(runs));
  if (unseen.length > 0)
    console.log(`\n== tests that ran neither here nor in the virtual machine\n${unseen.join('\n')}`);
  console.log(`\n${timeTables(steps, secondsSince(begun), runs)}\n\n${failureTables(runs)}`);
  console.log(`\n${unsteady} failed beside others and passed alone`);
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  return failed === 0 ? 0 : 1;
}

/** @param {(folder: string) => Promise<Record<string, Run>>} work */
async function main(work) {
  const wanted = { vm: true, checks: true, fuzz: true, programs: true, engines: work === engines };
  await step('set-up', () => setup(wanted));
  const folder = mkdtempSync(join(tmpdir(), 'niwa-test-'));
  try {
    return tell(await work(folder));
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const flag = process.argv[2];
process.exitCode = await main(flag === '--long' ? long : flag === '--engines' ? engines : all);
