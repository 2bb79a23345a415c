// @ts-check
// Many lifetimes that end in one second, a stop of all, and a daemon that dies and takes all over again.
import { setTimeout as sleep } from 'node:timers/promises';
import { summarize } from '../harness/statistics.mjs';

const AHEAD_MS = 4000;

/** @param {import('../bench.mjs').Context} context */
export async function measure({ place, many, row, quick }) {
  const daemon = await place.daemon({ keepExited: 5000 });
  const spec = { process: { args: ['/pause'] }, root: { path: place.root }, userns: /** @type {const} */ ('host') };
  const count = many(1000);

  const restarts = [];
  const ids = await daemon.fill(count, spec);
  for (let i = 0; i < (quick ? 2 : 5); i++) {
    await daemon.kill();
    const begun = performance.now();
    await daemon.start();
    restarts.push(performance.now() - begun);
  }
  const running = (await daemon.client.list({ state: 'running' })).length;
  row({
    what: `restart after a crash, and adoption of ${count}: until it answers`,
    unit: 'ms',
    measured: summarize(restarts),
    medianAtMost: 350,
    note: `${running} of ${count} adopted`,
  });

  const begun = performance.now();
  await Promise.all(ids.map((id) => daemon.client.stop(id)));
  const wall = performance.now() - begun;
  row({
    what: `stop of ${count}, all asked at once: until the last has its record`,
    unit: 'ms',
    measured: { n: 1, median: wall, p95: wall, p99: wall, max: wall },
    medianAtMost: 2000,
  });

  const bounded = await daemon.fill(count, { ...spec, stopSignal: 'SIGKILL' });
  const first = Date.now() + AHEAD_MS + 2 * count;
  for (const [i, id] of bounded.entries()) {
    const remaining = Math.round(first + (i * 1000) / count - Date.now());
    await daemon.client.setLifetime(id, { remaining: `${remaining}ms` });
  }
  await sleep(Math.max(0, first - Date.now()) + 2500);
  const ended = await Promise.all(bounded.map((id) => daemon.client.inspect(id)));
  const late = ended.map(({ exit, deadline_at }) => Date.parse(exit?.at ?? '') - Date.parse(deadline_at ?? ''));
  const measured = summarize(late);
  row({
    what: `${count} lifetimes that end in one second: the end, minus the deadline`,
    unit: 'ms',
    measured,
    goal: 'p99 at most 5 ms, max 15 ms',
    met: measured.p99 <= 5 && measured.max <= 15,
    note: `max ${measured.max.toFixed(1)} ms; the end is when the process has gone`,
  });
}
