// @ts-check
// A node with 5,000 running containers: answers about all of them, a restart, and memory.
import { execFile } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { footprint } from '../harness/footprint.mjs';
import { summarize } from '../harness/statistics.mjs';

const CLI = join(import.meta.dirname, '../../../bin/niwa');
const SOME = 20;
/** Descriptors of niwad that are not of its containers. */
const SPARE_DESCRIPTORS = 1000;
/** After it, there are new readings, so that no answer consists of kept texts. */
const SAMPLED_MS = 1100;

/** @param {import('../bench.mjs').Context} context */
export async function measure({ place, many, row, quick }) {
  const daemon = await place.daemon({}, { observed: true });
  const spec = { process: { args: ['/pause'] }, root: { path: place.root }, userns: /** @type {const} */ ('host') };
  const wanted = many(5000);
  const { count, note } = await fillAsFarAsDescriptorsReach();
  const running = `${count} running`;
  const times = quick ? 2 : 8;

  const lists = await repeat(times, () => ask(daemon.socket, '/v1/containers'));
  row({
    what: `${running}: first byte of the list`,
    unit: 'ms',
    measured: summarize(lists.map(({ firstMs }) => firstMs)),
    medianAtMost: 50,
    note,
  });
  row({ what: `${running}: the whole list`, unit: 'ms', measured: summarize(lists.map(({ wholeMs }) => wholeMs)) });
  await daemon.loopDelayP99();
  for (let i = 0; i < times; i++) await ask(daemon.socket, '/v1/containers');
  const delay = await daemon.loopDelayP99();
  row({
    what: `${running}: event loop of the daemon while lists are read, p99`,
    unit: 'ms',
    measured: { n: 1, median: delay, p95: delay, p99: delay, max: delay },
  });
  const metrics = await repeat(times, () => ask(daemon.socket, '/metrics'));
  row({
    what: `${running}: /metrics`,
    unit: 'ms',
    measured: summarize(metrics.map(({ wholeMs }) => wholeMs)),
    medianAtMost: 300,
  });
  const tables = await repeat(quick ? 1 : 3, () =>
    timed(() => promisify(execFile)(CLI, ['--socket', daemon.socket, 'ps'])),
  );
  row({ what: `${running}: niwa ps`, unit: 'ms', measured: summarize(tables) });

  const restarts = await repeat(quick ? 1 : 3, async () => {
    await daemon.kill();
    return await timed(() => daemon.start());
  });
  const adopted = (await daemon.client.list({ state: 'running' })).length;
  row({
    what: `${running}: restart after a crash until it answers`,
    unit: 'ms',
    measured: summarize(restarts),
    medianAtMost: 1500,
    note: `${adopted} of ${count} adopted`,
  });

  /** Fills the daemon, and tells its memory for each container. */
  async function fillAsFarAsDescriptorsReach() {
    const few = Math.min(SOME, Math.floor(wanted / 3));
    await daemon.fill(few, spec); // connections and namespaces made ahead are there from now on
    const descriptors = readdirSync(`/proc/${daemon.pid}/fd`).length;
    await daemon.fill(few, spec);
    const each = Math.ceil((readdirSync(`/proc/${daemon.pid}/fd`).length - descriptors) / few);
    const limit = Number(/^Max open files +([0-9]+)/m.exec(readFileSync(`/proc/${daemon.pid}/limits`, 'utf8'))?.[1]);
    const most = Math.floor((limit - SPARE_DESCRIPTORS) / each);
    await sleep(quick ? SAMPLED_MS : 10_000); // until garbage is collected, see src/daemon/collector.ts
    const before = footprint(daemon.pid);
    const count = Math.min(wanted, most);
    await daemon.fill(count - 2 * few, spec);
    await sleep(quick ? SAMPLED_MS : 10_000);
    const value = (footprint(daemon.pid).pss - before.pss) / (count - 2 * few);
    row({
      what: `${count} running: each, PSS of niwad and the keeper`,
      unit: 'KiB',
      measured: { n: count, median: value, p95: value, p99: value, max: value },
      medianAtMost: 16,
    });
    const reason = `as many as ${limit} descriptors allow, ${each} for each; ${wanted} were wanted`;
    return { count, note: count === wanted ? '' : reason };
  }
}

/**
 * @template T
 * @param {number} times
 * @param {() => Promise<T>} once
 */
async function repeat(times, once) {
  const results = [];
  for (let i = 0; i < times; i++) {
    await sleep(SAMPLED_MS);
    results.push(await once());
  }
  return results;
}

/** @param {() => Promise<unknown>} work @returns {Promise<number>} how long it takes, in milliseconds */
async function timed(work) {
  const begun = performance.now();
  await work();
  return performance.now() - begun;
}

/**
 * Asks once, and reads the whole answer.
 * @param {string} socketPath
 * @param {string} path
 * @returns {Promise<{ firstMs: number, wholeMs: number }>} when the first and the last byte of the body came
 */
function ask(socketPath, path) {
  const begun = performance.now();
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path }, (response) => {
      let firstMs = 0;
      response.on('data', () => {
        firstMs ||= performance.now() - begun;
      });
      response.on('end', () => resolve({ firstMs, wholeMs: performance.now() - begun }));
      response.on('error', reject);
    });
    sent.on('error', reject).end();
  });
}
