// @ts-check
// `npm run bench -- --chain REV,REV,...`: several revisions in turns, so that one run tells what each step gave.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleaningUp } from './harness/cleanup.mjs';
import { takeTurns } from './harness/order.mjs';
import { Place } from './harness/place.mjs';
import { cpuUsec } from './harness/processor-time.mjs';
import { buildRevision } from './harness/revision.mjs';
import { figuresOf, toStepsTable } from './harness/steps.mjs';

const PROJECT = join(import.meta.dirname, '../..');
const PATH = '/v1/containers?start=true&wait=true';
const IN_A_TURN = 5;
const AT_ONCE = 16;
const AT_ONCE_IN_A_TURN = 6 * AT_ONCE;

/** @typedef {import('./harness/place.mjs').Daemon} Daemon */
/** @typedef {import('./harness/order.mjs').Measure} Measure */
/** @typedef {import('./harness/revision.mjs').Revision} Revision */
/** @typedef {import('./harness/steps.mjs').Step} Step */

/**
 * Builds several revisions, runs a niwad of each beside a floor, in turns, and tells what each gave. The first runs
 * twice: what it differs from itself is the noise of the run.
 * @param {readonly string[]} names of the revisions, as git takes them, in the order of the steps
 * @param {{ rounds: number, running: number, out: string }} options how many starts of each, how many containers run
 *   meanwhile in each niwad, and the folder for chain.json and chain.md
 */
export async function chain(names, { rounds, running, out }) {
  /** @type {Revision[]} */
  const revisions = [];
  const place = new Place();
  const clean = async () => {
    await place.remove();
    for (const { remove } of revisions) remove();
  };
  await cleaningUp(clean, async () => {
    for (const name of names) {
      console.log(`building ${name}`);
      revisions.push(buildRevision(PROJECT, name));
    }
    const { steps, floor } = await measure(place, revisions, { rounds, running });
    const told = [...steps, floor].map((step) => ({ name: step.name, words: step.words, ...figuresOf(step) }));
    const table = toStepsTable(steps, floor);
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, 'chain.json'), `${JSON.stringify({ running, rounds, steps: told }, null, 2)}\n`);
    writeFileSync(join(out, 'chain.md'), `${table}\n`);
    console.log(`\n${running} containers run in each niwad\n\n${table}\n\nin ${out}`);
  });
}

/**
 * @param {Place} place
 * @param {readonly Revision[]} revisions
 * @param {{ rounds: number, running: number }} much
 * @returns {Promise<{ steps: Step[], floor: Step }>}
 */
async function measure(place, [first, ...others], { rounds, running }) {
  if (first === undefined) throw new Error('--chain needs a revision');
  const spec = { process: { args: ['/exit0'] }, root: { path: place.root }, userns: /** @type {const} */ ('host') };
  const revisions = [first, { ...first, subject: 'the same once more' }, ...others];
  /** @type {Record<string, Measure>} */
  const subjects = { floor: place.startFloor('devices', 'seccomp', `record=${join(place.rootHolder, 'records')}`) };
  for (const [i, { folder }] of revisions.entries()) {
    const daemon = await place.daemon({}, { project: folder });
    await daemon.fill(running, { ...spec, process: { args: ['/pause'] } });
    subjects[String(i)] = withCpu(daemon, daemon.request('POST', PATH, spec));
  }
  const alone = await takeTurns(subjects, { rounds: Math.ceil(rounds / IN_A_TURN), count: IN_A_TURN });
  const much = { rounds: Math.ceil(rounds / (IN_A_TURN * 4)), count: AT_ONCE_IN_A_TURN };
  const atOnce = await takeTurns(subjects, { ...much, threads: AT_ONCE });
  const step = (/** @type {string} */ key, /** @type {string} */ name, /** @type {string} */ words) => {
    const [one, many] = [alone[key], atOnce[key]];
    if (one === undefined || many === undefined) throw new Error(`${name}: not measured`);
    if (one.error || many.error) throw new Error(`${name}: ${one.error || many.error}`);
    return { name, words, times: one.times, alone: one.turns, atOnce: many.turns };
  };
  return {
    steps: revisions.map(({ commit, subject }, i) => step(String(i), commit, subject)),
    floor: step('floor', 'floor', 'C, the same calls and a synced record'),
  };
}

/**
 * Adds the processor time of a daemon to each turn.
 * @param {Daemon} daemon
 * @param {Measure} measure
 * @returns {Measure}
 */
function withCpu(daemon, measure) {
  return async (count, threads) => {
    const before = cpuUsec(daemon.pid);
    const { times, wall } = await measure(count, threads);
    return { times, wall, cpu: cpuUsec(daemon.pid) - before };
  };
}
