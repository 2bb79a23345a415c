import type { InstanceStatus, ServiceStatus } from '../../src/protocol/services.js';
import { parseService } from '../../src/spec/service.js';

/** Gives an instance that is routed; `change` says what matters to the test. */
export function instanceOf(id: string, change: Partial<InstanceStatus> = {}): InstanceStatus {
  return {
    id,
    phase: 'routed',
    revision: 1,
    address: '10.88.0.2',
    started_at: '2026-11-01T00:00:00.000Z',
    ready_at: '2026-11-01T00:00:00.100Z',
    routed_at: '2026-11-01T00:00:00.110Z',
    unrouted_at: null,
    unrouted_cause: null,
    deadline_at: null,
    replaces: null,
    connections: 0,
    healthy: true,
    throttled_share: null,
    ...change,
  };
}

/** Gives a service that sleeps; `change` says what matters to the test. */
export function serviceOf(name: string, change: Partial<ServiceStatus> = {}): ServiceStatus {
  const template = { process: { args: ['/bin/true'] } };
  return {
    name,
    owner: null,
    labels: {},
    state: 'cold',
    listen: ['0.0.0.0:8080'],
    port: 80,
    slots: 1,
    ahead: { wanted: 0, ready: 0, taken: 0, missed: 0, thrown_away: 0, last_failure: null },
    min_instances: 0,
    hold: null,
    revision: 1,
    uid: 0,
    created_at: '2026-11-01T00:00:00.000Z',
    applied_at: '2026-11-01T00:00:00.000Z',
    instances: [],
    counters: {
      requests_held: 0,
      requests_held_now: 0,
      wakes: 0,
      connections: 0,
      replacements: 0,
      refused: {},
      failures: {},
    },
    last_wake: null,
    throttled_share: null,
    backoff_until: null,
    last_failure: null,
    warnings: [],
    spec: parseService({ service: name, listen: ['0.0.0.0:8080'], port: 80, template }),
    ...change,
  };
}
