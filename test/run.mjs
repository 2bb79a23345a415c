// @ts-check
// `npm test`: sets the machine up, then checks, builds twice, and runs all tests, the privileged ones also in the virtual
// machine. Ends with one line: N passed, M failed, K skipped.
import { spawn } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { setup } from './setup.mjs';
import { runInVm } from './vm/machine.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const VM_TIMEOUT_SECONDS = 3000;
const COUNTS = 'niwa-counts';

/** @typedef {{ passed: number, failed: number, skipped: number }} Counts */

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
 * Runs a step that passes or fails as a whole.
 * @param {string} name
 * @param {() => Promise<number>} step
 * @returns {Promise<Counts>}
 */
async function whole(name, step) {
  console.log(`\n== ${name}`);
  const status = await step();
  return { passed: status === 0 ? 1 : 0, failed: status === 0 ? 0 : 1, skipped: 0 };
}

/**
 * Copies what node-gyp needs to a folder of its own, since both builds write to build/, and builds there.
 * @param {string} folder
 */
async function buildWithGyp(folder) {
  for (const name of ['native', 'binding.gyp', 'package.json'])
    cpSync(join(root, name), join(folder, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'));
  return await run(['npx', 'node-gyp', 'rebuild', '--silent', '-C', folder]);
}

/**
 * Reads the counts of vitest's JSON report.
 * @param {string} path
 * @returns {Counts} one failure where there is no report
 */
function countsOf(path) {
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, testResults } = JSON.parse(
      readFileSync(path, 'utf8'),
    );
    const brokenFiles = testResults.filter(
      (/** @type {any} */ file) => file.status === 'failed' && file.assertionResults.length === 0,
    );
    return {
      passed: numPassedTests,
      failed: numFailedTests + brokenFiles.length,
      skipped: numPendingTests + numTodoTests,
    };
  } catch {
    return { passed: 0, failed: 1, skipped: 0 };
  }
}

/** @param {string} folder */
async function testHere(folder) {
  console.log('\n== unit tests, integration tests, attacks, examples and chaos on this host');
  const report = join(folder, 'report.json');
  const flags = ['--reporter=verbose', '--reporter=json', `--outputFile.json=${report}`];
  await run(['npx', 'vitest', 'run', ...flags], { NIWA_GYP_DIR: join(folder, 'build', 'Release') });
  return countsOf(report);
}

/** The report stays in the machine: its counts come out as the last line of the output. */
async function testInVm() {
  console.log('\n== integration tests, attacks, examples and chaos in the virtual machine');
  let tail = '';
  const stdio = new Writable({
    write(chunk, _encoding, done) {
      tail = (tail + chunk).slice(-4096);
      process.stdout.write(chunk, () => done());
    },
  });
  const script = `npx vitest run test/integration test/attacks test/examples test/chaos --reporter=verbose --reporter=json --outputFile.json=/tmp/report.json
    node test/run.mjs --counts /tmp/report.json`;
  await runInVm(script, { cwd: root, timeoutSeconds: VM_TIMEOUT_SECONDS, memoryMiB: 3072, stdio });
  const line = tail.split('\n').find((text) => text.startsWith(COUNTS));
  return line === undefined ? { passed: 0, failed: 1, skipped: 0 } : JSON.parse(line.slice(COUNTS.length));
}

async function main() {
  await setup({ vm: true, checks: true, fuzz: true, programs: true });
  const folder = mkdtempSync(join(tmpdir(), 'niwa-test-'));
  try {
    /** @type {Counts[]} */
    const counts = [
      await whole('lint, types, format', () => run(['npm', 'run', '--silent', 'check'])),
      await whole('the build with node-gyp', () => buildWithGyp(folder)),
      await whole('fuzzing', () => run(['node', 'test/fuzz/run.mjs', '10'])),
      await whole('the build with sanitizers', () => run(['node', 'test/sanitize.mjs', '--smoke'])),
      await testHere(folder),
      await testInVm(),
    ];
    const total = (/** @type {keyof Counts} */ key) => counts.reduce((sum, one) => sum + one[key], 0);
    console.log(`\n${total('passed')} passed, ${total('failed')} failed, ${total('skipped')} skipped`);
    return total('failed') === 0 ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const [flag, report] = process.argv.slice(2);
if (flag === '--counts' && report !== undefined) console.log(`${COUNTS}${JSON.stringify(countsOf(report))}`);
else process.exitCode = await main();
