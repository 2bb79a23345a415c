import { readdir, readFile, stat } from 'node:fs/promises';
import { type IntervalHistogram, monitorEventLoopDelay } from 'node:perf_hooks';
import { Counter, Gauge, type Registry } from 'prom-client';

/** How often the event loop is looked at. Each look takes about 40 microseconds. */
const LOOK_MS = 50;

/**
 * Adds the figures of niwad itself, by the names that the client libraries of Prometheus give them. Those that
 * prom-client has are not taken: it looks at the event loop 100 times a second and at each collection of garbage, reads
 * /proc on the event loop, and `promtool check metrics` refuses some of its names.
 */
export function addProcessMetrics(registry: Registry, version: string): void {
  const counter = (name: string, help: string, read: () => number) =>
    new Counter({
      ...{ name, help, registers: [registry] },
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  const gauge = (name: string, help: string, read: () => number | Promise<number>) =>
    new Gauge({
      ...{ name, help, registers: [registry] },
      async collect() {
        this.set(await read());
      },
    });
  const startSeconds = Date.now() / 1000 - process.uptime();
  const lag = eventLoopLag();

  new Gauge({
    name: 'niwa_build_info',
    help: 'The version of niwad, and of the Node.js on which it runs',
    labelNames: ['version', 'node'],
    registers: [registry],
  }).set({ version, node: process.version }, 1);
  counter('process_cpu_seconds_total', 'CPU time of niwad', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  gauge('process_start_time_seconds', 'When niwad started, in seconds since 1970', () => startSeconds);
  gauge('process_resident_memory_bytes', 'Memory of niwad', () => process.memoryUsage.rss());
  gauge('process_open_fds', 'Descriptors that niwad has open', countOpenFds);
  gauge('process_max_fds', 'Descriptors that niwad may have open', readMaxFds);
  gauge('nodejs_heap_size_used_bytes', 'JavaScript objects of niwad', () => process.memoryUsage().heapUsed);
  gauge('nodejs_eventloop_lag_max_seconds', 'The longest delay of the event loop since the last reading', lag);
}

/**
 * The size of the directory is the number of descriptors since Linux 6.2, and 0 before it (proc_pid_fd(5)). To read it
 * with its names would take longer with each container.
 * @throws Error of the file system
 */
async function countOpenFds(): Promise<number> {
  const { size } = await stat('/proc/self/fd');
  return size > 0 ? size : (await readdir('/proc/self/fd')).length - 1;
}

/** @throws Error of the file system */
async function readMaxFds(): Promise<number> {
  const limits = await readFile('/proc/self/limits', 'utf8');
  const soft = /^Max open files +(\S+)/m.exec(limits)?.[1];
  return soft === 'unlimited' ? Number.POSITIVE_INFINITY : Number(soft);
}

/**
 * Gives a function that gives the longest delay of the event loop since its last call, in seconds. The event loop is
 * looked at from the first call on: where nobody reads metrics, it costs nothing.
 */
function eventLoopLag(): () => number {
  let looks: IntervalHistogram | undefined;
  return () => {
    if (looks === undefined) {
      looks = monitorEventLoopDelay({ resolution: LOOK_MS });
      looks.enable();
    }
    const seconds = Math.max(0, looks.max / 1e9 - LOOK_MS / 1000); // the kernel's clock gives the whole interval
    looks.reset();
    return seconds;
  };
}
