// @ts-check
// The same cold start while the daemon gets fuller.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { compile, takeTurns } from '../harness/order.mjs';
import { summarize } from '../harness/statistics.mjs';

/** @param {import('../bench.mjs').Context} context */
export async function measure({ place, much, many, row, warm }) {
  const daemon = await place.daemon();
  const root = { path: place.root };
  const userns = /** @type {const} */ ('host');
  const niwa = daemon.request('POST', '/v1/containers?start=true&wait=true', {
    process: { args: ['/exit0'] },
    root,
    userns,
  });
  const floor = place.startFloor('devices', 'seccomp');
  const idle = { process: { args: ['/pause'] }, root, userns };
  let base = 0;
  const take = async (/** @type {string} */ what, most = 1.05) => {
    const turns = await takeTurns({ niwa, floor }, much(20, 20));
    const measured = summarize(turns.niwa?.times ?? []);
    const floorMeasured = summarize(turns.floor?.times ?? []);
    const ratio = measured.median / floorMeasured.median;
    base ||= ratio;
    const change = ratio / base;
    row({
      what,
      unit: 'us',
      measured,
      floor: 'C, at the same time',
      floorMeasured,
      goal: `the same ratio (at most ${most} x of it)`,
      met: change <= most,
      note: `${change.toFixed(2)} x the ratio of the first`,
    });
  };
  await warm(niwa);
  await take('start through the socket: 0 running');
  await daemon.fill(many(100), idle);
  await take(`start through the socket: ${many(100)} running`);
  await daemon.fill(many(1000) - many(100), idle);
  await take(`start through the socket: ${many(1000)} running`);
  const tasks = await hostTasks(place, many(10_000));
  await take(`start through the socket: ${many(1000)} running, ${many(10_000)} other tasks on the host`);
  await tasks.end();
  await niwa(many(10_000), 4);
  await take(`start through the socket: ${many(1000)} running, after ${many(10_000)} starts`, 1.15);
}

/**
 * Makes processes that do nothing, as other programs of a full host do.
 * @param {import('../harness/place.mjs').Place} place
 * @param {number} count
 */
async function hostTasks(place, count) {
  compile('tasks', join(place.directory, 'tasks'));
  const child = spawn(join(place.directory, 'tasks'), [String(count)], { stdio: ['pipe', 'pipe', 'inherit'] });
  await Promise.race([once(child.stdout, 'data'), once(child, 'exit')]);
  if (child.exitCode !== null) throw new Error(`${count} tasks cannot be made`);
  return {
    end: async () => {
      const ended = once(child, 'exit');
      child.stdin.end();
      await ended;
    },
  };
}
