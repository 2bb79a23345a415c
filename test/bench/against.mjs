// @ts-check
// `npm run bench -- --against REV`: this build beside that of another revision, start by start.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, createReadStream, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cleaningUp } from './harness/cleanup.mjs';
import { compare, toComparisonTable } from './harness/compare.mjs';
import { takeTurns } from './harness/order.mjs';
import { Place } from './harness/place.mjs';
import { buildRevision } from './harness/revision.mjs';

const PROJECT = join(import.meta.dirname, '../..');
const PATH = '/v1/containers?start=true&wait=true';
const IMAGE = 'bench';
/** A bridge belongs to one daemon: each has a network namespace of its own. */
const OWN_NETWORK = ['unshare', '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
const WARM_UP = 10;
/**
 * A niwad takes some twenty times as long to get ready as a container takes to start: a tenth of the rounds, yet
 * enough.
 */
const restartsOf = (/** @type {number} */ rounds) => Math.min(rounds, Math.max(20, Math.round(rounds / 10)));

/** @typedef {import('./harness/place.mjs').Daemon} Daemon */
/** @typedef {import('./harness/compare.mjs').Comparison} Comparison */

/**
 * Builds a revision beside this one, measures both in turns, and tells whether this one is slower. The old build runs
 * twice, so that it is known how much it differs from itself.
 * @param {string} name of the revision, as git takes it
 * @param {{ rounds: number, out: string }} options how many starts of each kind, and the folder for against.json
 * @returns {Promise<boolean>} whether anything is slower
 */
export async function against(name, { rounds, out }) {
  console.log(`building ${name}`);
  const revision = buildRevision(PROJECT, name);
  const place = new Place();
  const clean = async () => {
    await place.remove();
    revision.remove();
  };
  return await cleaningUp(clean, async () => {
    const projects = { old: revision.folder, again: revision.folder, fresh: PROJECT };
    const comparisons = await measure(place, projects, rounds);
    mkdirSync(out, { recursive: true });
    writeFileSync(join(out, 'against.json'), `${JSON.stringify({ old: revision.commit, comparisons }, null, 2)}\n`);
    console.log(`\nthis build beside that of ${revision.commit}\n\n${toComparisonTable(comparisons)}\n`);
    const slower = comparisons.filter((one) => one.slower);
    for (const { what, statistic, ratio } of slower)
      console.log(`slower: ${what}, ${statistic}: ${((ratio - 1) * 100).toFixed(1)} %`);
    if (slower.length === 0) console.log('nothing is slower by more than 3 % and the spread of the old build');
    return slower.length > 0;
  });
}

/**
 * @param {Place} place
 * @param {{ old: string, again: string, fresh: string }} projects their folders
 * @param {number} rounds
 * @returns {Promise<Comparison[]>}
 */
async function measure(place, projects, rounds) {
  /** @type {Record<string, Daemon>} */
  const daemons = {};
  for (const [name, project] of Object.entries(projects))
    daemons[name] = await place.daemon({}, { project, launcher: OWN_NETWORK });
  const image = imageOf(place);
  for (const { client } of Object.values(daemons))
    for await (const _ of client.importImage(createReadStream(image), IMAGE));
  const root = { path: place.root };
  const process = { args: ['/exit0'] };
  /** @type {Record<string, import('./harness/place.mjs').SpecInput>} */
  const kinds = {
    'start, plain root': { process, root },
    'start, image': { process, root: { image: IMAGE } },
    'start, bridge': { process, root, network: {} },
  };
  const comparisons = [];
  for (const [what, spec] of Object.entries(kinds))
    comparisons.push(...(await inTurns(what, daemons, (daemon) => daemon.request('POST', PATH, spec), rounds)));
  for (const daemon of Object.values(daemons)) await daemon.stop();
  comparisons.push(...(await inTurns('niwad ready', daemons, untilReady, restartsOf(rounds))));
  return comparisons;
}

/**
 * @param {string} what
 * @param {Record<string, Daemon>} daemons
 * @param {(daemon: Daemon) => import('./harness/order.mjs').Measure} measureOf
 * @param {number} rounds in each of which each has one turn
 */
async function inTurns(what, daemons, measureOf, rounds) {
  const subjects = Object.fromEntries(Object.entries(daemons).map(([name, daemon]) => [name, measureOf(daemon)]));
  await takeTurns(subjects, { rounds: Math.min(WARM_UP, rounds), count: 1 });
  const results = await takeTurns(subjects, { rounds, count: 1 });
  const timesOf = (/** @type {string} */ name) => {
    const { times, error } = results[name] ?? { times: [], error: 'not measured' };
    if (error !== '') throw new Error(`${what}, ${name}: ${error}`);
    return times;
  };
  console.log(`measured: ${what}`);
  return compare(what, { old: timesOf('old'), again: timesOf('again'), fresh: timesOf('fresh') });
}

/**
 * How long a niwad takes from its start until it answers, with the ended containers of the measurements before.
 * @param {Daemon} daemon one that has been stopped
 * @returns {import('./harness/order.mjs').Measure}
 */
function untilReady(daemon) {
  return async (count) => {
    const times = [];
    for (let i = 0; i < count; i++) {
      const begun = performance.now();
      await daemon.start();
      times.push((performance.now() - begun) * 1000);
      await daemon.stop();
    }
    return { times, wall: times.reduce((sum, time) => sum + time, 0) };
  };
}

/**
 * Writes an image with the workload, as `docker save` would.
 * @param {Place} place
 * @returns {string} the path of its tar
 */
function imageOf(place) {
  const folder = join(place.directory, 'image');
  const layer = join(folder, 'layer');
  mkdirSync(layer, { recursive: true });
  copyFileSync(join(place.root, 'exit0'), join(layer, 'exit0'));
  pack(join(folder, 'layer.tar'), layer, ['exit0']);
  const digest = createHash('sha256')
    .update(readFileSync(join(folder, 'layer.tar')))
    .digest('hex');
  const rootfs = { type: 'layers', diff_ids: [`sha256:${digest}`] };
  const config = { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch, config: {}, rootfs };
  writeFileSync(join(folder, 'config.json'), JSON.stringify(config));
  const manifest = [{ Config: 'config.json', RepoTags: [], Layers: ['layer.tar'] }];
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
  const path = join(place.directory, 'image.tar');
  pack(path, folder, ['layer.tar', 'config.json', 'manifest.json']);
  return path;
}

/** @param {string} path @param {string} folder @param {string[]} names */
function pack(path, folder, names) {
  const { status, stderr } = spawnSync('tar', ['-cf', path, '-C', folder, ...names], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`tar: ${stderr}`);
}
