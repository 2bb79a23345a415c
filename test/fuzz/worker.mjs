// @ts-check
// Fuzzes one target in a process of its own: node worker.mjs TARGET SECONDS SEED FILE
// Each input is in FILE while it is tried, so that it is known whatever becomes of this process. Inputs of the corpus
// are tried first, then changed ones; those that something new comes of are changed further.
import { ftruncateSync, openSync, readdirSync, readFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { NiwaError } from '../../dist/protocol/errors.js';
import { mutate, randomFrom } from './mutate.mjs';

/**
 * What is fuzzed. An input may be refused (NiwaError); whatever else is thrown is a fault.
 * @typedef {object} Target
 * @property {(input: Buffer) => string | Promise<string>} run says in a word what came of an input
 * @property {number} maxBytes longer inputs never get so far
 * @property {number} maxCpuMs for one input
 * @property {boolean} [json] inputs are JSON
 * @property {(input: Buffer) => Buffer} [repair] sets right what would hide all other changes, such as checksums
 */

const MAX_RESIDENT_KIB = 700 * 1024;
/**
 * What takes long is tried again: the first time it may not have been compiled, the collector may have been at work, or
 * the machine may have been slow for a while.
 */
const TRIES = 20;
const PAUSE_MS = 100;
const MOST_KEPT = 2000;
/** A hundred problems with their paths, and what is allowed. */
const MAX_MESSAGE = 100_000;

const [name = '', seconds = '0', seed = '1', file = ''] = process.argv.slice(2);
/** @type {Target} */
const target = (await import(`./targets/${name}.mjs`)).default;
const random = randomFrom(Number(seed));
const corpus = join(import.meta.dirname, 'corpus', name);
const fd = openSync(file, 'w');
/** @type {Buffer[]} */
const seeds = readdirSync(corpus).map((seedName) => readFileSync(join(corpus, seedName)));
/** Those that something new came of.
 * @type {Buffer[]} */
const pool = [...seeds];
/** @type {Set<string>} */
const outcomes = new Set();
let inputs = 0;

for (const input of seeds) outcomes.add(await attempt(input));
for (const end = performance.now() + Number(seconds) * 1000; performance.now() < end; ) {
  const input = next();
  const outcome = await attempt(input);
  if (outcomes.has(outcome) || outcomes.size >= MOST_KEPT) continue;
  outcomes.add(outcome);
  pool.push(input);
}
console.log(`fuzz: ${name}: ${inputs} inputs, ${outcomes.size} outcomes, nothing found`);

/** @returns {Buffer} */
function next() {
  const pick = () => {
    const from = random(2) > 0 ? seeds : pool;
    return from[random(from.length)] ?? Buffer.alloc(0);
  };
  const changed = mutate(random, pick(), pick(), target.json ?? false);
  const input = target.repair !== undefined && random(4) > 0 ? target.repair(changed) : changed;
  return input.subarray(0, target.maxBytes);
}

/**
 * @param {Buffer} input
 * @returns {Promise<string>} what came of it
 */
async function attempt(input) {
  inputs++;
  writeSync(fd, input, 0, input.length, 0);
  ftruncateSync(fd, input.length);
  const start = performance.now();
  const outcome = await outcomeOf(input);
  if (performance.now() - start > target.maxCpuMs) await requireFast(input);
  const { maxRSS } = process.resourceUsage();
  if (maxRSS > MAX_RESIDENT_KIB) throw new Error(`it took ${Math.round(maxRSS / 1024)} MiB of memory`);
  return outcome;
}

/**
 * @param {Buffer} input
 * @returns {Promise<string>}
 */
async function outcomeOf(input) {
  try {
    return await target.run(input);
  } catch (error) {
    if (!(error instanceof NiwaError)) throw error;
    if (error.message.length > MAX_MESSAGE) throw new Error(`its message has ${error.message.length} characters`);
    const allowed = new Set(error.details.problems?.map((problem) => problem.allowed));
    return `${error.code} ${[...allowed].sort().join() || error.message.replace(/"[^"]*"|[0-9]+/g, '').slice(0, 60)}`;
  }
}

/** @param {Buffer} input */
async function requireFast(input) {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < TRIES && least > target.maxCpuMs; i++) {
    if (i > 0) await sleep(PAUSE_MS);
    const before = process.cpuUsage();
    await outcomeOf(input);
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1000);
  }
  if (least > target.maxCpuMs) throw new Error(`it took ${least} ms of CPU time; allowed: ${target.maxCpuMs}`);
}
