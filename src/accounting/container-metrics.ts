import type { OciOrigin } from '../protocol/resolved-oci.js';
import type { Usage } from '../protocol/usage.js';

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
const SERIES = [
  ...COUNTERS.map(([name, help, source]) => ({ name, help, source, type: 'counter' })),
  ...GAUGES.map(([name, help, source]) => ({ name, help, source, type: 'gauge' })),
];

/** The name of a container in its engine, to be joined with the figures by `id`. */
const ENGINE = 'niwa_container_engine_info';
const ENGINE_HEAD = `# HELP ${ENGINE} What the container engine calls a container; the value is 1\n# TYPE ${ENGINE} gauge\n`;

/** What a container engine calls a container, see OciOrigin. */
export type EngineName = Pick<OciOrigin, 'id' | 'root'>;

/**
 * The figures of many containers as Prometheus text: some hundred thousand series, for which the general registry of
 * prom-client would take seconds. Pure.
 */
export class ContainerMetrics {
  readonly #labels: string[] = [];
  /** One row of figures for each container; NaN where there is none. */
  readonly #rows: Float64Array[] = [];
  /** The lines of {@link ENGINE}. A figure has no label of the engine: an id may have 1024 characters. */
  readonly #engines: string[] = [];

  /** @param oci what its engine calls the container; undefined for one that no engine has made */
  add(id: string, owner: string | null, usage: Usage, oci?: EngineName): void {
    this.#labels.push(`{id="${escaped(id)}",owner="${escaped(owner ?? '')}"}`);
    if (oci !== undefined)
      this.#engines.push(
        `${ENGINE}{id="${escaped(id)}",engine_id="${escaped(oci.id)}",root="${escaped(oci.root)}"} 1\n`,
      );
    this.#rows.push(Float64Array.from(SERIES, ({ source }) => source(usage) ?? Number.NaN));
  }

  /**
   * Gives the text, metric by metric as the format asks for.
   * @param length about how many characters a piece has
   */
  *pieces(length: number): Generator<string> {
    let piece = this.#engines.length === 0 ? '' : ENGINE_HEAD;
    for (const line of this.#engines) {
      piece += line;
      if (piece.length < length) continue;
      yield piece;
      piece = '';
    }
    for (const [column, { name, help, type }] of SERIES.entries()) {
      piece += `# HELP niwa_container_${name} ${help}\n# TYPE niwa_container_${name} ${type}\n`;
      for (const [i, labels] of this.#labels.entries()) {
        const value = this.#rows[i]?.[column] ?? Number.NaN;
        // a figure that the host does not count has no series: a zero would be untrue
        if (!Number.isNaN(value)) piece += `niwa_container_${name}${labels} ${value}\n`;
        if (piece.length < length) continue;
        yield piece;
        piece = '';
      }
    }
    yield piece;
  }
}

/** A value of a label, see Prometheus, "Text format details". */
function escaped(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}
