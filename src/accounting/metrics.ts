import { setImmediate } from 'node:timers/promises';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';
import { ExitReasonSchema, StateSchema } from '../protocol/container.js';
import type { StockCounts } from '../protocol/pools.js';
import type { ServiceStatus } from '../protocol/services.js';
import type { Usage } from '../protocol/usage.js';
import { addAheadMetrics } from './ahead-metrics.js';
import { ContainerMetrics, type EngineName } from './container-metrics.js';
import { addProcessMetrics } from './process-metrics.js';
import { ServiceMetrics } from './service-metrics.js';

/** The part of a container that the metrics use. */
export interface Measured {
  id: string;
  owner: string | null;
  /** What its engine calls it; undefined if no engine has made it. */
  oci?: EngineName | undefined;
  state: string;
  /** Called once, in a later turn of the event loop. */
  usage(): Usage;
}

/** What there is to tell. */
export interface Figures {
  containers: readonly Measured[];
  services: readonly ServiceStatus[];
}

/** How many containers are measured in one turn of the event loop. */
const CONTAINERS_AT_ONCE = 100;
/** With more services, each of their metrics is written in a turn of its own. */
const SERVICES_AT_ONCE = 100;

/** About how many characters are written in one turn of the event loop. */
const PIECE_LENGTH = 64 * 1024;

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

  /** Ends when no text is being made. */
  #making: Promise<unknown> = Promise.resolve();
  /** The text that is begun when the present one is made; null where nobody waits for it. */
  #next: Promise<readonly string[]> | null = null;

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
   * Gives the text, in pieces, for what `read` gives when the text is begun. One text is made at a time: those who ask
   * meanwhile get the next one. Exited containers are left out; the ledger has their figures.
   */
  text(read: () => Figures): Promise<readonly string[]> {
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

  /** The text of many containers takes long: other work of the event loop is done between its pieces. */
  async #make({ containers, services }: Figures): Promise<readonly string[]> {
    this.services.take(services);
    for (const { const: state } of StateSchema.anyOf) this.#states.set({ state }, 0);
    const measured = new ContainerMetrics();
    for (const [i, container] of containers.entries()) {
      this.#states.inc({ state: container.state });
      if (container.state !== 'exited') measured.add(container.id, container.owner, container.usage(), container.oci);
      if (i % CONTAINERS_AT_ONCE === CONTAINERS_AT_ONCE - 1) await setImmediate();
    }
    const pieces: string[] = [];
    for (const { name } of this.#registry.getMetricsAsArray()) {
      pieces.push(`${await this.#registry.getSingleMetricAsString(name)}\n\n`);
      if (services.length > SERVICES_AT_ONCE) await setImmediate();
    }
    for (const piece of measured.pieces(PIECE_LENGTH)) {
      pieces.push(piece);
      await setImmediate();
    }
    return pieces;
  }
}
