// @ts-check
// Fuzzes the parser of boot programs (native/boot/program.c) with libFuzzer, AddressSanitizer and UBSan.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { temporaryFolder } from './temporary.mjs';

const PROJECT = resolve(import.meta.dirname, '../..');
const CORPUS = join(import.meta.dirname, 'corpus/program');

/**
 * Runs a program in the project's folder.
 * @param {string} command
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env] added to ours
 * @returns {Promise<{ ok: boolean, output: string }>} its standard error, where compilers and fuzzers talk
 */
async function run(command, args, env = {}) {
  const child = spawn(command, args, {
    cwd: PROJECT,
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...env },
  });
  const ended = once(child, 'close');
  const output = await text(child.stderr);
  const [status] = await ended;
  return { ok: status === 0, output };
}

/**
 * Builds the fuzzer with the project's own flags, but for those that hide accesses from the sanitizers.
 * @param {string} path where to
 */
async function build(path) {
  const flags = readFileSync(join(PROJECT, 'native/compile.flags'), 'utf8').split('\n').filter(Boolean);
  const sanitizers = ['-fsanitize=fuzzer,address,undefined', '-fno-sanitize-recover=all'];
  const sources = ['test/fuzz/program.c', 'native/boot/program.c'];
  const args = ['-std=gnu11', ...flags, '-O1', '-g', '-U_FORTIFY_SOURCE', ...sanitizers, ...sources, '-o', path];
  const { ok, output } = await run('clang', args);
  if (!ok) throw new Error(`the fuzzer cannot be built:\n${output}`);
}

/**
 * Fuzzes from the corpus on.
 * @param {number} seconds 0 for the corpus alone
 * @param {string} crashes where an input that breaks the parser is left: the beginning of its path
 * @param {boolean} keep whether finds that reach code which the corpus does not are added to it
 * @returns {Promise<boolean>} whether nothing was found
 */
export async function fuzzProgram(seconds, crashes, keep) {
  const folder = temporaryFolder();
  const [fuzzer, finds] = [join(folder, 'fuzzer'), join(folder, 'finds')];
  mkdirSync(finds);
  await build(fuzzer);
  const length = seconds > 0 ? `-max_total_time=${seconds}` : '-runs=0';
  // Strict checks: the string functions look at all that they may read, not only at what they needed.
  const env = { ASAN_OPTIONS: 'strict_string_checks=1:allow_addr2line=1' };
  const { ok, output } = await run(fuzzer, [finds, CORPUS, length, `-artifact_prefix=${crashes}`], env);
  if (!ok) {
    console.error(`${output}\nfuzz: program: the parser failed`);
    return false;
  }
  const [, executions, edges] = /#(\d+)\s+DONE\s+cov: (\d+)/.exec(output) ?? [];
  console.log(`fuzz: program: ${executions} inputs, ${edges} edges of code reached, nothing found`);
  if (keep) await addFinds(fuzzer, finds);
  return true;
}

/**
 * Without counters: how often code was reached does not matter.
 * @param {string} fuzzer
 * @param {string} finds
 */
async function addFinds(fuzzer, finds) {
  const before = readdirSync(CORPUS).length;
  const { ok, output } = await run(fuzzer, ['-merge=1', '-use_counters=0', CORPUS, finds]);
  if (!ok) throw new Error(`the finds cannot be merged:\n${output}`);
  console.log(`fuzz: program: ${readdirSync(CORPUS).length - before} finds added to the corpus`);
}
