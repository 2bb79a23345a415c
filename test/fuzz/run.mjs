#!/usr/bin/env node
// @ts-check
// Fuzzes what reads bytes of others: node test/fuzz/run.mjs [TARGET...] [SECONDS] [--seed N] [--keep]
// Each target gets so many seconds, two at a time; 0 tries the corpora alone. Targets are `program` (program.mjs) and
// those of targets/. What breaks one is left in crashes/; the seed that is printed finds it again. With --keep, inputs
// of which `program` reaches new code are added to its corpus.
import { spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { parseArgs } from 'node:util';
import { setup } from '../setup.mjs';
import { fuzzProgram } from './program.mjs';
import { temporaryFolder } from './temporary.mjs';

const CRASHES = join(import.meta.dirname, 'crashes');
const DEFAULT_SECONDS = 60;
const AT_ONCE = 2;
/** One input that takes longer has no end. */
const HANG_MS = 20_000;
const LOOK_MS = 1000;

const TARGETS = readdirSync(join(import.meta.dirname, 'targets')).map((name) => name.replace(/\.mjs$/, ''));

/** @typedef {{ seconds: number, seed: number, keep: boolean }} Options */

/**
 * Fuzzes a target of targets/ in a process of its own, which may end or hang by it.
 * @param {string} name
 * @param {Options} options
 * @param {string} file has the input that is tried
 * @returns {Promise<boolean>} whether nothing was found
 */
async function fuzzTarget(name, { seconds, seed }, file) {
  const args = ['--max-old-space-size=256', join(import.meta.dirname, 'worker.mjs'), name, seconds, seed, file];
  const child = spawn(process.execPath, args.map(String), {
    stdio: 'inherit',
    env: { ...process.env, TMPDIR: dirname(file) }, // what a process leaves that is killed is removed with ours
  });
  const look = setInterval(() => {
    const age = Date.now() - (statSync(file, { throwIfNoEntry: false })?.mtimeMs ?? Date.now());
    if (age > HANG_MS) child.kill('SIGKILL');
  }, LOOK_MS);
  const status = await new Promise((resolve) => child.once('exit', (code, signal) => resolve(code ?? signal)));
  clearInterval(look);
  if (status === 0) return true;
  if (existsSync(file)) copyFileSync(file, join(CRASHES, `${name}-${seed}`));
  console.error(`fuzz: ${name}: it failed (${status}) with seed ${seed}`);
  return false;
}

/** @returns {{ targets: string[], options: Options }} */
function commandLine() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { seed: { type: 'string' }, keep: { type: 'boolean', default: false } },
  });
  const all = ['program', ...TARGETS];
  const named = positionals.filter((word) => all.includes(word));
  const [seconds = DEFAULT_SECONDS, ...more] = positionals.filter((word) => !all.includes(word)).map(Number);
  const seed = Number(values.seed ?? Math.floor(Date.now() / 1000));
  if (!(seconds >= 0) || !Number.isSafeInteger(seed) || more.length > 0)
    throw new Error(
      `usage: node test/fuzz/run.mjs [TARGET...] [SECONDS] [--seed N] [--keep]; targets: ${all.join(', ')}`,
    );
  return { targets: named.length > 0 ? named : all, options: { seconds, seed, keep: values.keep } };
}

async function main() {
  const { targets, options } = commandLine();
  await setup({ fuzz: true });
  mkdirSync(CRASHES, { recursive: true });
  console.log(`fuzz: ${options.seconds} s for each target, seed ${options.seed}`);
  const folder = temporaryFolder();
  let failed = 0;
  const next = async () => {
    for (let name = targets.shift(); name !== undefined; name = targets.shift()) {
      const { seconds, keep } = options;
      const ok =
        name === 'program'
          ? await fuzzProgram(seconds, join(CRASHES, 'program-'), keep)
          : await fuzzTarget(name, options, join(folder, name));
      if (!ok) failed++;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, next));
  const left = readdirSync(CRASHES).map((name) => join(CRASHES, name));
  if (left.length === 0) rmSync(CRASHES, { recursive: true });
  else console.error(`fuzz: inputs that broke something: ${left.join(', ')}`);
  return failed === 0 ? 0 : 1;
}

process.exitCode = await main().catch((error) => {
  console.error(`fuzz: ${error.message}`);
  return 1;
});
