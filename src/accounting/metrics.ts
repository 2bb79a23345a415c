import { setImmediate } from 'node:timers/promises';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { ExitReasonSchema, StateSchema } from '../protocol/container.js';
import type { StockCounts } from '../protocol/pools.js';
import type { ServiceStatus } from '../protocol/services.js';
import type { Usage } from '../protocol/usage.js';
import { addAheadMetrics } from './ahead-metrics.js';
import { addProcessMetrics } from './process-metrics.js';
import { ServiceMetrics } from './service-metrics.js';

/** The part of a container that the metrics use. */
export interface Measured {
  id: string;
  owner: string | null;
  state: string;
  usage: Usage;
}

/** What there is to tell. */
export interface Figures {
  containers: readonly Measured[];
  services: readonly ServiceStatus[];
}

/** How many containers are measured in one turn of the event loop. */
const CONTAINERS_AT_ONCE = 100;

type Source = (usage: Usage) => number | null | undefined;
const seconds = (usec: number | null | undefined) => (usec === null || usec === undefined ? null : usec / 1e6);

/**
 * Counters of each container: name, help text, and how to read the value from the usage. Units are seconds and bytes,
 * as Prometheus asks.
 */
const COUNTERS: [string, string, Source][] = [
  ['cpu_usage_seconds_total', 'CPU time used', ({ cpu }) => seconds(cpu.usage_usec)],
  ['cpu_user_seconds_total', 'CPU time used in user mode', ({ cpu }) => seconds(cpu.user_usec)],
  ['cpu_system_seconds_total', 'CPU time used in the kernel', ({ cpu }) => seconds(cpu.system_usec)],
  ['cpu_periods_total', 'Periods of the CPU quota', ({ cpu }) => cpu.nr_periods],
  ['cpu_throttled_periods_total', 'Periods in which the quota ran out', ({ cpu }) => cpu.nr_throttled],
  ['cpu_throttled_seconds_total', 'Time held back by the CPU quota', ({ cpu }) => seconds(cpu.throttled_usec)],
  ['io_read_bytes_total', 'Bytes read from block devices', ({ io }) => io?.rbytes],
  ['io_written_bytes_total', 'Bytes written to block devices', ({ io }) => io?.wbytes],
  ['io_reads_total', 'Read operations on block devices', ({ io }) => io?.rios],
  ['io_writes_total', 'Write operations on block devices', ({ io }) => io?.wios],
  ['network_receive_bytes_total', 'Bytes received over the bridge', ({ network }) => network?.rx_bytes],
  ['network_receive_packets_total', 'Packets received over the bridge', ({ network }) => network?.rx_packets],
  ['network_transmit_bytes_total', 'Bytes sent over the bridge', ({ network }) => network?.tx_bytes],
  ['network_transmit_packets_total', 'Packets sent over the bridge', ({ network }) => network?.tx_packets],
  ['memory_oom_kills_total', 'Processes taken by the OOM killer', ({ memory }) => memory?.events.oom_kill],
  ['pids_refused_total', 'Forks refused by pids.max', ({ pids }) => pids?.events.max],
  [
    'cpu_pressure_seconds_total',
    'Time some task waited for a CPU',
    ({ pressure }) => seconds(pressure.cpu?.some.total),
  ],
  [
    'memory_pressure_seconds_total',
    'Time some task waited for memory',
    ({ pressure }) => seconds(pressure.memory?.some.total),
  ],
  ['io_pressure_seconds_total', 'Time some task waited for I/O', ({ pressure }) => seconds(pressure.io?.some.total)],
];
const GAUGES: [string, string, Source][] = [
  ['memory_bytes', 'Memory in use', ({ memory }) => memory?.current],
  ['memory_peak_bytes', 'The most memory that was in use', ({ memory }) => memory?.peak],
  ['pids', 'Processes and threads', ({ pids }) => pids?.current],
];

/** The metrics of one daemon, given as Prometheus text. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #starts = new Counter({
    name: 'niwa_starts_total',
    help: 'Containers started',
    registers: [this.#registry],
  });
  readonly #exits = new Counter({
    name: 'niwa_exits_total',
    help: 'Containers that ended, by reason',
    labelNames: ['reason'],
    registers: [this.#registry],
  });
  readonly #startTimes = new Histogram({
    name: 'niwa_start_seconds',
    help: 'Time that a start has taken: the sum of its phases, without the time between a create and its start',
    buckets: [0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10],
    registers: [this.#registry],
  });
  readonly #ready = new Histogram({
    name: 'niwa_ready_seconds',
    help: 'Time from the start of a container until its readiness check passed',
    buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100],
    registers: [this.#registry],
  });
  readonly #states = new Gauge({
    name: 'niwa_containers',
    help: 'Containers by state',
    labelNames: ['state'],
    registers: [this.#registry],
  });
  readonly #counters = COUNTERS.map(([name, help, source]) => ({
    source,
    metric: new Counter(this.#options(name, help)),
  }));
  readonly #gauges = GAUGES.map(([name, help, source]) => ({ source, metric: new Gauge(this.#options(name, help)) }));

  /** Ends when no text is being made. */
  #making: Promise<unknown> = Promise.resolve();
  /** The text that is begun when the present one is made; null where nobody waits for it. */
  #next: Promise<string> | null = null;

  readonly services = new ServiceMetrics(this.#registry);

  /**
   * @param droppedLines gives how many lines of its log niwad has dropped so far
   * @param version of niwad
   */
  constructor(droppedLines: () => number, version: string) {
    addProcessMetrics(this.#registry, version);
    for (const { const: reason } of ExitReasonSchema.anyOf) this.#exits.inc({ reason }, 0);
    new Counter({
      name: 'niwa_log_lines_dropped_total',
      help: "Lines of niwad's own log that could not be written",
      registers: [this.#registry],
      collect() {
        this.reset();
        this.inc(droppedLines());
      },
    });
  }

  /** Adds the figures of containers that are made ahead. */
  addAhead(read: () => StockCounts & { ready: number }): void {
    addAheadMetrics(this.#registry, read);
  }

  /** @param tookUsec null where it is not known how long the start has taken */
  countStart(tookUsec: number | null): void {
    this.#starts.inc();
    if (tookUsec !== null) this.#startTimes.observe(tookUsec / 1e6);
  }

  countExit(reason: string): void {
    this.#exits.inc({ reason });
  }

  countReady(tookUsec: number): void {
    this.#ready.observe(tookUsec / 1e6);
  }

  /**
   * Gives the text for what `read` gives when the text is begun. One text is made at a time: those who ask meanwhile
   * get the next one. Exited containers are left out; the ledger has their figures.
   */
  text(read: () => Figures): Promise<string> {
    if (this.#next !== null) return this.#next;
    const made = this.#making.then(() => {
      this.#next = null;
      return this.#make(read());
    });
    this.#next = made;
    this.#making = made.catch(() => {});
    return made;
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The text of a thousand containers takes 100 ms: other work of the event loop is done between its pieces. */
  async #make({ containers, services }: Figures): Promise<string> {
    this.services.take(services);
    for (const { const: state } of StateSchema.anyOf) this.#states.set({ state }, 0);
    for (const { metric } of [...this.#counters, ...this.#gauges]) metric.reset();
    for (const [i, container] of containers.entries()) {
      this.#states.inc({ state: container.state });
      if (container.state !== 'exited') this.#measure(container);
      if (i % CONTAINERS_AT_ONCE === CONTAINERS_AT_ONCE - 1) await setImmediate();
    }
    const pieces: string[] = [];
    for (const { name } of this.#registry.getMetricsAsArray()) {
      pieces.push(await this.#registry.getSingleMetricAsString(name));
      if (containers.length > CONTAINERS_AT_ONCE) await setImmediate();
    }
    return `${pieces.join('\n\n')}\n`;
  }

  #measure({ id, owner, usage }: Measured): void {
    const labels = { id, owner: owner ?? '' };
    for (const { metric, source } of this.#counters) {
      const value = source(usage) ?? null;
      // a figure that the host does not count has no series: a zero would be untrue
      if (value !== null) metric.inc(labels, value);
    }
    for (const { metric, source } of this.#gauges) {
      const value = source(usage) ?? null;
      if (value !== null) metric.set(labels, value);
    }
  }

  #options(name: string, help: string) {
    return { name: `niwa_container_${name}`, help, labelNames: ['id', 'owner'], registers: [this.#registry] };
  }
}
