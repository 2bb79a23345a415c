import { expect, it } from 'vitest';
import { ContainerMetrics } from '../../../src/accounting/container-metrics.js';
import { usageOf } from './records.js';

const textOf = (metrics: ContainerMetrics, length = 1000) => [...metrics.pieces(length)].join('');

it('writes metric by metric, with the type of each, and escapes the values of labels', () => {
  const metrics = new ContainerMetrics();
  metrics.add('a', 'x "y"\\\nz', usageOf(1_500_000));
  metrics.add('b', null, usageOf(0));
  const lines = textOf(metrics).split('\n');
  const begin = lines.indexOf('# HELP niwa_container_cpu_usage_seconds_total CPU time used');
  expect(lines.slice(begin + 1, begin + 4)).toEqual([
    '# TYPE niwa_container_cpu_usage_seconds_total counter',
    'niwa_container_cpu_usage_seconds_total{id="a",owner="x \\"y\\"\\\\\\nz"} 1.5',
    'niwa_container_cpu_usage_seconds_total{id="b",owner=""} 0',
  ]);
  expect(lines).toContain('# TYPE niwa_container_memory_bytes gauge');
});

it('has no series for a figure that the host does not count', () => {
  const metrics = new ContainerMetrics();
  metrics.add('a', null, { ...usageOf(0), memory: null, io: null });
  expect(textOf(metrics)).not.toMatch(/^niwa_container_(memory_bytes|io_reads_total)\{/m);
});

it('names a container of an engine once, and not with each figure', () => {
  const metrics = new ContainerMetrics();
  metrics.add('a', null, usageOf(0), { id: 'web', root: '/run/"x"' });
  metrics.add('b', null, usageOf(0));
  const named = textOf(metrics)
    .split('\n')
    .filter((line) => line.includes('engine'));
  expect(named).toEqual([
    '# HELP niwa_container_engine_info What the container engine calls a container; the value is 1',
    '# TYPE niwa_container_engine_info gauge',
    'niwa_container_engine_info{id="a",engine_id="web",root="/run/\\"x\\""} 1',
  ]);
});

it('gives the same text in pieces of any length', () => {
  const metrics = new ContainerMetrics();
  for (let i = 0; i < 300; i++) metrics.add(`c${i}`, 'alice', usageOf(i));
  expect([...metrics.pieces(2000)].every((piece) => piece.length < 2200)).toBe(true);
  expect(textOf(metrics, 2000)).toBe(textOf(metrics, 1e9));
});
