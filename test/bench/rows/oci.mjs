// @ts-check
// The command of container engines beside crun, with the same configs: `run`, then what an engine asks for one
// container, then podman with each as its runtime.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { takeTurns } from '../harness/order.mjs';
import { bundleOf, crun, podman } from '../harness/peers.mjs';
import { summarize } from '../harness/statistics.mjs';

const NIWA_OCI = join(import.meta.dirname, '../../../bin/niwa-oci');
const PODMAN = '/usr/bin/podman';
const OF_CRUN = 0.5;

/** @typedef {import('../harness/order.mjs').Measure} Measure */

/**
 * @typedef {object} Comparison
 * @property {string} what
 * @property {Measure} niwa
 * @property {string} floor what crun is asked for
 * @property {Measure} crun
 * @property {{ rounds: number, count: number }} often
 * @property {number} [ratioAtMost]
 */

/** @param {import('../bench.mjs').Context} context */
export async function measure({ place, much, row, quick, warm }) {
  // at equal priority: niwad's event loop and its monitor would have a higher one than crun
  const daemon = await place.daemon({}, { launcher: ['setpriv', '--bounding-set=-sys_nice'] });
  const niwa = [NIWA_OCI, '--niwad', daemon.ociSocket];
  /** @param {Comparison} comparison */
  const compare = async ({ what, floor, often, ratioAtMost, ...subjects }) => {
    const turns = await takeTurns({ niwa: subjects.niwa, crun: subjects.crun }, often);
    const { times = [], error = 'not measured' } = turns.crun ?? {};
    row({
      what,
      subject: 'niwa-oci',
      unit: 'us',
      measured: summarize(must(turns.niwa)),
      floor,
      floorMeasured: error === '' ? summarize(times) : null,
      ...(ratioAtMost === undefined ? {} : { ratioAtMost }),
      note: error === '' ? '' : `crun does not run here: ${error}`,
    });
  };

  const run = ['run', '--bundle', bundleOf(place, ['/exit0']), '@'];
  const runs = { niwa: place.launch(...niwa, ...run), floor: 'crun run', crun: place.launch(...crun(place), ...run) };
  await compare({ what: 'OCI: run of a static program, a new niwad', ...runs, often: much(20, 10) });
  await warm(runs.niwa);
  await compare({ what: 'OCI: run of a static program', ...runs, often: much(20, 10), ratioAtMost: OF_CRUN });

  const waiting = bundleOf(place, ['/pause']);
  await compare({
    what: 'OCI: create, start, state, kill, delete below a subreaper',
    niwa: place.engine(waiting, ...niwa),
    floor: 'crun, the same',
    crun: place.engine(waiting, ...crun(place)),
    often: much(15, 8),
    ratioAtMost: OF_CRUN,
  });

  const what = 'OCI: a container of podman';
  if (!existsSync(PODMAN)) return row({ what, subject: 'niwa-oci', unit: 'us', note: 'podman is not installed' });
  await compare({
    what,
    niwa: place.launch(...podman(place, ['/exit0'], niwa)),
    floor: 'podman with crun',
    crun: place.launch(...podman(place, ['/exit0'])),
    often: { rounds: quick ? 2 : 10, count: much(1, 10).count },
  });
}

/** @param {{ times: number[], error: string } | undefined} result */
function must(result) {
  if (result === undefined || result.error !== '') throw new Error(`niwa-oci: ${result?.error ?? 'not measured'}`);
  return result.times;
}
