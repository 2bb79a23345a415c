import { expect, it } from 'vitest';
import { Metrics } from '../../../src/accounting/metrics.js';
import type { ServiceStatus } from '../../../src/protocol/services.js';
import { instanceOf, serviceOf } from '../services-samples.js';

const latency = { total_usec: 250_000, start_usec: 100_000, ready_usec: 149_000, route_usec: 1000 };
const wake = {
  type: 'service-wake',
  seq: 1,
  at: '2026-11-01T00:00:00.000Z',
  id: 'shop',
  owner: null,
  labels: {},
  service: 'shop',
  instance: 'shop-1',
  why: 'a request',
  latency,
} as const;

const textOf = async (metrics: Metrics, services: ServiceStatus[]) =>
  (await metrics.text(() => ({ containers: [], services }))).join('');

it('has the figures of services, and of no others', async () => {
  const metrics = new Metrics(() => 0, '1.2.3');
  const counters = {
    requests_held: 7,
    requests_held_now: 2,
    wakes: 3,
    connections: 40,
    replacements: 1,
    refused: { 'queue-full': 5 },
    failures: { 'start-timeout': 4 },
  };
  const instances = [instanceOf('shop-1'), instanceOf('shop-2'), instanceOf('shop-3', { phase: 'frozen' })];
  const shop = serviceOf('shop', { slots: 4, instances, counters, throttled_share: 0.25 });
  const lines = (await textOf(metrics, [shop])).split('\n');
  expect(lines).toEqual(
    expect.arrayContaining([
      'niwa_service_requests_held_total{service="shop"} 7',
      'niwa_service_requests_held{service="shop"} 2',
      'niwa_service_wakes_total{service="shop"} 3',
      'niwa_service_connections_total{service="shop"} 40',
      'niwa_service_replacements_total{service="shop"} 1',
      'niwa_service_requests_refused_total{service="shop",reason="queue-full"} 5',
      'niwa_service_requests_refused_total{service="shop",reason="rate"} 0',
      'niwa_service_failures_total{service="shop",reason="start-timeout"} 4',
      'niwa_service_slots{service="shop"} 4',
      'niwa_service_slots_used{service="shop"} 3',
      'niwa_service_throttled_ratio{service="shop"} 0.25',
      'niwa_service_instances{service="shop",phase="routed"} 2',
      'niwa_service_instances{service="shop",phase="frozen"} 1',
      'niwa_service_instances{service="shop",phase="starting"} 0',
    ]),
  );
  expect(await textOf(metrics, [serviceOf('blog')])).not.toContain('service="shop"');
});

it('has a histogram of wakes with their phases, until the service is removed', async () => {
  const metrics = new Metrics(() => 0, '1.2.3');
  metrics.services.hear(wake);
  const text = await textOf(metrics, []);
  expect(text).toContain('niwa_service_wake_seconds_count{service="shop",phase="total"} 1');
  expect(text).toContain('niwa_service_wake_seconds_sum{service="shop",phase="ready"} 0.149');
  expect(text).toContain('niwa_service_wake_seconds_bucket{le="0.3",service="shop",phase="total"} 1');
  expect(text).toContain('niwa_service_wake_seconds_bucket{le="0.1",service="shop",phase="total"} 0');
  metrics.services.hear({ ...wake, type: 'service-remove' });
  expect(await textOf(metrics, [])).not.toContain('service="shop"');
});
