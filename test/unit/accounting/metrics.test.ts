import { setImmediate } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { type Figures, Metrics } from '../../../src/accounting/metrics.js';
import { usageOf } from './records.js';

const NONE: Figures = { containers: [], services: [] };
const containersOf = (count: number, state = 'running') =>
  Array.from({ length: count }, (_, i) => ({ id: `c${i}`, owner: null, state, usage: () => usageOf(1000) }));
const textOf = async (metrics: Metrics, read: () => Figures) => (await metrics.text(read)).join('');

it('has all states and reasons from the start, and forgets what is not there any more', async () => {
  const metrics = new Metrics(() => 3, '1.2.3');
  const lines = (await textOf(metrics, () => NONE)).split('\n');
  for (const state of ['created', 'running', 'paused', 'stopping', 'exited'])
    expect(lines).toContain(`niwa_containers{state="${state}"} 0`);
  for (const reason of ['exited', 'signaled', 'oom', 'lifetime', 'stopped', 'killed', 'start-failed', 'unknown'])
    expect(lines).toContain(`niwa_exits_total{reason="${reason}"} 0`);
  expect(lines).toContain(`niwa_build_info{version="1.2.3",node="${process.version}"} 1`);
  expect(lines).toContain('niwa_log_lines_dropped_total 3');
  const some = await textOf(metrics, () => ({ containers: containersOf(2), services: [] }));
  expect(some).toContain('niwa_containers{state="running"} 2\n');
  expect(some).toContain('niwa_container_cpu_usage_seconds_total{id="c1",owner=""} ');
  expect(await textOf(metrics, () => NONE)).not.toContain('id="c1"');
  const ended = await textOf(metrics, () => ({ containers: containersOf(2, 'exited'), services: [] }));
  expect(ended).toContain('niwa_containers{state="exited"} 2\n');
  expect(ended).not.toContain('id="c1"');
});

it('counts starts and how long they took', async () => {
  const metrics = new Metrics(() => 0, '1.2.3');
  metrics.countStart(12_000);
  metrics.countStart(null);
  metrics.countExit('lifetime');
  const lines = (await textOf(metrics, () => NONE)).split('\n');
  expect(lines).toEqual(
    expect.arrayContaining([
      'niwa_starts_total 2',
      'niwa_start_seconds_count 1',
      'niwa_start_seconds_bucket{le="0.01"} 0',
      'niwa_start_seconds_bucket{le="0.03"} 1',
      'niwa_exits_total{reason="lifetime"} 1',
    ]),
  );
});

it('makes one text at a time, in turns of the event loop; those who wait share the next one', async () => {
  const metrics = new Metrics(() => 0, '1.2.3');
  const many = containersOf(1000);
  let reads = 0;
  const read = () => {
    reads++;
    return { containers: many, services: [] };
  };
  let turns = 0;
  let isDone = false;
  void (async () => {
    while (!isDone) {
      await setImmediate();
      turns++;
    }
  })();
  const first = metrics.text(read);
  await setImmediate();
  const others = [metrics.text(read), metrics.text(read), metrics.text(read)];
  expect((await first).join('')).toContain('id="c999"');
  const texts = new Set(await Promise.all(others));
  isDone = true;
  expect(reads).toBe(2);
  expect(texts.size).toBe(1);
  expect(turns).toBeGreaterThan(20);
});
