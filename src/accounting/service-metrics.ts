import { Counter, Gauge, Histogram, type Registry } from 'prom-client';
import type { RuntimeEvent } from '../protocol/events.js';
import { InstancePhaseSchema, type ServiceStatus } from '../protocol/services.js';

type Figure = (status: ServiceStatus) => number | null;

/** Counters of each service: name, help text, and how to read the value from its status. */
const COUNTERS: [string, string, Figure][] = [
  [
    'requests_held_total',
    'Requests that were held until an instance was routed',
    ({ counters }) => counters.requests_held,
  ],
  ['wakes_total', 'Wakes of the service', ({ counters }) => counters.wakes],
  ['connections_total', 'New connections that were forwarded', ({ counters }) => counters.connections],
  ['replacements_total', 'Instances that were replaced', ({ counters }) => counters.replacements],
];
const GAUGES: [string, string, Figure][] = [
  ['requests_held', 'Requests that are held now', ({ counters }) => counters.requests_held_now],
  ['slots', 'Slots that are reserved', ({ slots }) => slots],
  ['slots_used', 'Slots in use', ({ instances }) => instances.length],
  [
    'throttled_ratio',
    'The mean share of periods in which cpu.max held the instances back',
    ({ throttled_share }) => throttled_share,
  ],
];
/** The reasons for which requests are refused, see docs/services.md: each has a series from the start. */
const REFUSALS = [
  'queue-full',
  'not-allowed',
  'rate',
  'backoff',
  'start-failed',
  'timeout',
  'draining',
  'held-at-zero',
] as const;
const NONE_REFUSED = Object.fromEntries(REFUSALS.map((reason) => [reason, 0]));

/** Counters by reason. */
const REASONS: [string, string, (status: ServiceStatus) => Record<string, number>][] = [
  [
    'requests_refused_total',
    'Requests that were refused, by reason',
    ({ counters }) => ({ ...NONE_REFUSED, ...counters.refused }),
  ],
  ['failures_total', 'Instances that failed, by reason', ({ counters }) => counters.failures],
];
const PHASES = ['start', 'ready', 'route', 'total'] as const;

/** The metrics of services. The number of series is bounded by the number of services. */
export class ServiceMetrics {
  readonly #counters: { metric: Counter; read: Figure }[];
  readonly #gauges: { metric: Gauge; read: Figure }[];
  readonly #reasons: { metric: Counter; read: (status: ServiceStatus) => Record<string, number> }[];
  readonly #instances: Gauge;
  readonly #wakes: Histogram;

  constructor(registry: Registry) {
    const options = (name: string, help: string, ...labels: string[]) => ({
      name: `niwa_service_${name}`,
      help,
      labelNames: ['service', ...labels],
      registers: [registry],
    });
    this.#counters = COUNTERS.map(([name, help, read]) => ({ metric: new Counter(options(name, help)), read }));
    this.#gauges = GAUGES.map(([name, help, read]) => ({ metric: new Gauge(options(name, help)), read }));
    this.#reasons = REASONS.map(([name, help, read]) => ({ metric: new Counter(options(name, help, 'reason')), read }));
    this.#instances = new Gauge(options('instances', 'Instances by phase', 'phase'));
    this.#wakes = new Histogram({
      ...options('wake_seconds', 'Time from a request to a sleeping service until it was let go, by phase', 'phase'),
      buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30],
    });
  }

  /** Counts a wake, and forgets a service that was removed. */
  hear(event: RuntimeEvent): void {
    if (event.type === 'service-wake' && event.latency !== undefined)
      for (const phase of PHASES)
        this.#wakes.observe({ service: event.id, phase }, event.latency[`${phase}_usec`] / 1e6);
    if (event.type === 'service-remove') for (const phase of PHASES) this.#wakes.remove({ service: event.id, phase });
  }

  /** Takes the figures of these services, and no others. */
  take(services: readonly ServiceStatus[]): void {
    for (const { metric } of [...this.#counters, ...this.#gauges, ...this.#reasons]) metric.reset();
    this.#instances.reset();
    for (const status of services) this.#measure(status);
  }

  #measure(status: ServiceStatus): void {
    const service = status.name;
    for (const { metric, read } of this.#counters) metric.inc({ service }, read(status) ?? 0);
    for (const { metric, read } of this.#gauges) {
      const value = read(status);
      if (value !== null) metric.set({ service }, value);
    }
    for (const { metric, read } of this.#reasons)
      for (const [reason, count] of Object.entries(read(status))) metric.inc({ service, reason }, count);
    for (const phase of InstancePhaseSchema.enum) {
      const count = status.instances.filter((instance) => instance.phase === phase).length;
      this.#instances.set({ service, phase }, count);
    }
  }
}
