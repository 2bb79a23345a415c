// @ts-check
// What idle containers cost beyond their workloads: memory of the daemon and of whatever else stays, and sampling.
import { setTimeout as sleep } from 'node:timers/promises';
import { lookAtCgroupTree } from '../../../dist/host/cgroup.js';
import { kernel } from '../../../dist/kernel/addon.js';
import { footprint } from '../harness/footprint.mjs';
import { cpuUsec } from '../harness/processor-time.mjs';
import { summarize } from '../harness/statistics.mjs';

const ROUNDS = 10;

/** @param {import('../bench.mjs').Context} context */
export async function measure({ place, many, row, quick }) {
  const daemon = await place.daemon();
  const spec = { process: { args: ['/pause'] }, root: { path: place.root }, userns: /** @type {const} */ ('host') };
  await daemon.fill(2, spec);
  await sleep(1500);
  const before = footprint(daemon.pid);
  const count = many(1000);
  await daemon.fill(count, spec);
  await sleep(quick ? 1500 : 10_000); // until garbage is collected, see src/daemon/collector.ts
  const after = footprint(daemon.pid);
  tellGrowth(`${count} idle containers: each, beyond the workload`, before, after);

  const files = [...new Set([...kernel.readings.columns.keys()].map((column) => column.split(':')[0] ?? ''))];
  const group = (await daemon.client.list())[0]?.cgroup ?? lookAtCgroupTree('niwa').containers;
  const floor = place.floor('sample', [group.slice(0, group.lastIndexOf('/')), ...files]).measure;
  const own = [];
  const read = [];
  await floor(2, 1);
  for (let round = 0; round < (quick ? 3 : ROUNDS); round++) {
    const begun = cpuUsec(daemon.pid);
    await sleep(1000);
    own.push(cpuUsec(daemon.pid) - begun);
    read.push(...(await floor(1, 1)).times);
  }
  const measured = summarize(own);
  row({
    what: `sampling ${count + 2} containers: processor time of niwad in a second`,
    unit: 'us',
    measured,
    floor: 'C, reads the same files',
    floorMeasured: summarize(read),
    ratioAtMost: 0.6,
    note: `${((measured.median / 1e6) * 100).toFixed(2)} % of a processor (goal: under 2 %), all that niwad does in that second`,
  });

  await daemon.fill(count, spec);
  await sleep(quick ? 1500 : 10_000); // until garbage is collected, see src/daemon/collector.ts
  tellGrowth(`${count} more: each, what niwad takes once for its own code not among it`, after, footprint(daemon.pid));

  /**
   * @param {string} what
   * @param {import('../harness/footprint.mjs').Footprint} from
   * @param {import('../harness/footprint.mjs').Footprint} to
   */
  function tellGrowth(what, from, to) {
    for (const [name, key] of /** @type {const} */ ([
      ['PSS of niwad and the keeper', 'pss'],
      ['RSS of niwad', 'rss'],
    ])) {
      const value = (to[key] - from[key]) / count;
      const measured = { n: count, median: value, p95: value, p99: value, max: value };
      row({ what: `${what}, ${name}`, unit: 'KiB', measured, medianAtMost: 16 });
    }
  }
}
