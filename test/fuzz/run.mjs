#!/usr/bin/env node
// @ts-check
// Fuzzes the parser of boot programs: node test/fuzz/run.mjs [seconds, 0 for the corpus alone] [--keep]
// With --keep, finds that reach new code are added to corpus/. An input that breaks the parser is left in crashes/.
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setup } from '../setup.mjs';

const PROJECT = resolve(import.meta.dirname, '../..');
const CORPUS = join(import.meta.dirname, 'corpus');
const CRASHES = join(import.meta.dirname, 'crashes');
const DEFAULT_SECONDS = 120;

/**
 * Runs a program in the project's folder.
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env] added to ours
 * @returns {{ ok: boolean, output: string }} its standard error, where compilers and fuzzers talk
 */
function run(command, args, env = {}) {
  const { status, stderr, error } = spawnSync(command, args, {
    cwd: PROJECT,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    maxBuffer: Number.POSITIVE_INFINITY,
  });
  if (error) throw error;
  return { ok: status === 0, output: stderr };
}

/**
 * Builds the fuzzer with the project's own flags, but for those that hide accesses from the sanitizers.
 * @param {string} path where to
 */
function build(path) {
  const flags = readFileSync(join(PROJECT, 'native/compile.flags'), 'utf8').split('\n').filter(Boolean);
  const sanitizers = ['-fsanitize=fuzzer,address,undefined', '-fno-sanitize-recover=all'];
  const sources = ['test/fuzz/program.c', 'native/boot/program.c'];
  const args = ['-std=gnu11', ...flags, '-O1', '-g', '-U_FORTIFY_SOURCE', ...sanitizers, ...sources, '-o', path];
  const { ok, output } = run('clang', args);
  if (!ok) throw new Error(`the fuzzer cannot be built:\n${output}`);
}

/**
 * Fuzzes from the corpus on.
 * @param {string} fuzzer
 * @param {string} finds the folder for inputs that reach something new
 * @param {number} seconds
 */
function fuzz(fuzzer, finds, seconds) {
  mkdirSync(CRASHES, { recursive: true });
  const length = seconds > 0 ? `-max_total_time=${seconds}` : '-runs=0';
  // Strict checks: the string functions look at all that they may read, not only at what they needed.
  const env = { ASAN_OPTIONS: 'strict_string_checks=1:allow_addr2line=1' };
  return run(fuzzer, [finds, CORPUS, length, `-artifact_prefix=${CRASHES}/`], env);
}

/**
 * Adds the finds that reach code which the corpus does not. Without counters: how often does not matter.
 * @param {string} fuzzer
 * @param {string} finds
 * @returns {number} how many there were
 */
function keep(fuzzer, finds) {
  const before = readdirSync(CORPUS).length;
  const { ok, output } = run(fuzzer, ['-merge=1', '-use_counters=0', CORPUS, finds]);
  if (!ok) throw new Error(`the finds cannot be merged:\n${output}`);
  return readdirSync(CORPUS).length - before;
}

async function main() {
  const [seconds = DEFAULT_SECONDS] = process.argv
    .slice(2)
    .filter((word) => word !== '--keep')
    .map(Number);
  if (!(seconds >= 0)) throw new Error('usage: node test/fuzz/run.mjs [seconds] [--keep]');
  await setup({ fuzz: true });
  const folder = mkdtempSync(join(tmpdir(), 'niwa-fuzz-'));
  try {
    const fuzzer = join(folder, 'fuzzer');
    const finds = join(folder, 'finds');
    mkdirSync(finds);
    build(fuzzer);
    const { ok, output } = fuzz(fuzzer, finds, seconds);
    const left = readdirSync(CRASHES).map((name) => join(CRASHES, name));
    if (left.length === 0) rmSync(CRASHES, { recursive: true });
    if (!ok) {
      console.error(`${output}\nfuzz: the parser failed; the input is in ${left.join(', ')}`);
      return 1;
    }
    const [, executions, edges] = /#(\d+)\s+DONE\s+cov: (\d+)/.exec(output) ?? [];
    console.log(`fuzz: ${executions} executions in ${seconds} s, ${edges} edges of code reached, nothing found`);
    if (process.argv.includes('--keep')) console.log(`fuzz: ${keep(fuzzer, finds)} finds added to ${CORPUS}`);
    return 0;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

process.exitCode = await main().catch((error) => {
  console.error(`fuzz: ${error.message}`);
  return 1;
});
