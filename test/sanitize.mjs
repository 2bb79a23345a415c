#!/usr/bin/env node
// @ts-check
// Runs containers on a build of the addon and the helper that checks itself: node test/sanitize.mjs [--smoke]
// (AddressSanitizer and UndefinedBehaviorSanitizer, in the helper also LeakSanitizer.) First sanitize/smoke.mjs, then
// the integration tests, but with --smoke. Fails where they fail or a sanitizer has reported anything.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { machine, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setup } from './setup.mjs';

const PROJECT = resolve(import.meta.dirname, '..');

/**
 * Runs a program in the project's folder and on our terminal.
 * @param {string[]} command
 * @param {NodeJS.ProcessEnv} env added to ours
 * @returns {boolean} whether it went well
 */
function run([program = '', ...args], env) {
  return spawnSync(program, args, { cwd: PROJECT, stdio: 'inherit', env: { ...process.env, ...env } }).status === 0;
}

/**
 * Runs a program that only matters for what it prints.
 * @param {string[]} command
 * @returns {string}
 * @throws {Error} with all that it printed where it fails
 */
function outputOf([program = '', ...args]) {
  const { status, stdout, stderr } = spawnSync(program, args, { cwd: PROJECT, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed:\n${stdout}${stderr}`);
  return stdout.trim();
}

/** @param {string} folder where to */
function build(folder) {
  const compilers = ['--cc', 'clang', '--cxx', 'clang++', '--CDNIWA_SANITIZE=ON'];
  outputOf(['npx', 'cmake-js', 'compile', '--log-level', 'error', '--out', folder, ...compilers]);
}

/**
 * What makes a Node.js process use the build. Leaks are not looked for: Node.js leaves much to the end of its process.
 * @param {string} folder of the build
 */
function environment(folder) {
  return {
    NIWA_NATIVE_DIR: join(folder, 'Release'),
    LD_PRELOAD: outputOf(['clang', `-print-file-name=libclang_rt.asan-${machine()}.so`]),
    ASAN_OPTIONS: `detect_leaks=0:strict_string_checks=1:allow_addr2line=1:log_path=${folder}/reports/node`,
    UBSAN_OPTIONS: 'print_stacktrace=1',
    NIWA_SANITIZED: '1', // gives the tests more time
  };
}

/**
 * Reads all reports: each Node.js process has a file of its own, the helpers share one, which is there once one has
 * run.
 * @param {string} folder of the build
 * @returns {string} "" where there is none
 */
function reports(folder) {
  const names = readdirSync(join(folder, 'reports'));
  if (!names.includes('niwa-boot')) return 'no helper of this build has run';
  const text = names.map((name) => readFileSync(join(folder, 'reports', name), 'utf8')).join('');
  return text.replace(/\(\/memfd:niwa-boot [^+]*\+(0x[0-9a-f]+)\)/g, (_, address) =>
    outputOf(['addr2line', '-pfe', join(folder, 'Release/niwa-boot'), address]),
  );
}

async function main() {
  await setup({ fuzz: true });
  const folder = mkdtempSync(join(tmpdir(), 'niwa-sanitize-'));
  try {
    mkdirSync(join(folder, 'reports'));
    build(folder);
    const env = environment(folder);
    const commands = [['node', 'test/sanitize/smoke.mjs']];
    if (!process.argv.includes('--smoke'))
      commands.push(['npx', 'vitest', 'run', '--passWithNoTests', 'test/integration']);
    const passed = commands.map((command) => run(command, env)).every(Boolean);
    const found = reports(folder);
    console.log(found === '' ? 'sanitize: nothing reported' : `${found}\nsanitize: reports, see above`);
    return passed && found === '' ? 0 : 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main().catch((error) => {
  console.error(`sanitize: ${error.message}`);
  return 1;
});
