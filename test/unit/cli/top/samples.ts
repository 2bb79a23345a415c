import { type Key, press } from '../../../../src/cli/top/keys.js';
import { initialModel, learn, type Model, type News } from '../../../../src/cli/top/model.js';
import type { ContainerStatus, Exit } from '../../../../src/protocol/container.js';
import type { RuntimeEvent } from '../../../../src/protocol/events.js';
import type { SpecInput } from '../../../../src/protocol/spec.js';
import type { Stats } from '../../../../src/protocol/stats.js';
import { parseSpec } from '../../../../src/spec/spec.js';

export const NOW = Date.parse('2026-01-01T12:00:00Z');

const counters = { rbytes: 0, wbytes: 0, rios: 0, wios: 0, dbytes: 0, dios: 0 };
const psi = (avg10: number) => ({ some: { avg10, total: 1 }, full: { avg10: 0, total: 0 } });

/** What one container of these tests uses. */
export interface Use {
  cpu?: number | null;
  throttled?: number;
  memory?: number | null;
  read?: number;
  written?: number;
  received?: number;
  pressure?: [cpu: number, memory: number, io: number];
  state?: Stats['state'];
}

export function stats(id: string, use: Use = {}, at = NOW): Stats {
  const { cpu = 0, throttled = 0, memory = 2 ** 20, read = 0, written = 0, received, state = 'running' } = use;
  const [onCpu, onMemory, onIo] = use.pressure ?? [0, 0, 0];
  return {
    id,
    at: new Date(at).toISOString(),
    state,
    usage: {
      cpu: {
        usage_usec: 1e6,
        user_usec: 1e6,
        system_usec: 0,
        nr_periods: 0,
        nr_throttled: 0,
        throttled_usec: 0,
        nr_bursts: 0,
        burst_usec: 0,
      },
      io: { ...counters, devices: [] },
      memory:
        memory === null
          ? null
          : {
              current: memory,
              peak: memory,
              swap_current: 0,
              events: { low: 0, high: 0, max: 0, oom: 0, oom_kill: 0, oom_group_kill: 0 },
            },
      network: null,
      pids: { current: 1, peak: 1, events: { max: 0 } },
      pressure: { cpu: psi(onCpu), memory: psi(onMemory), io: psi(onIo) },
    },
    rates: {
      interval_usec: 1e6,
      cpu,
      throttled,
      rbytes_per_second: read,
      wbytes_per_second: written,
      rios_per_second: 0,
      wios_per_second: 0,
      rx_bytes_per_second: received ?? null,
      tx_bytes_per_second: received === undefined ? null : 0,
    } as Stats['rates'],
  };
}

export function status(
  id: string,
  spec: Partial<SpecInput> = {},
  { leftMs = null as number | null, exit = null as Exit | null } = {},
): ContainerStatus {
  const { usage, rates } = stats(id);
  return {
    id,
    state: exit === null ? 'running' : 'exited',
    ready_made: false,
    pid: 42,
    created_at: new Date(NOW - 60_000).toISOString(),
    started_at: new Date(NOW - 60_000).toISOString(),
    deadline_at: leftMs === null ? null : new Date(NOW + leftMs).toISOString(),
    ready: null,
    warnings: [],
    image: null,
    network: null,
    start_phases_usec: {},
    exit,
    restarts: { count: 0, next_at: null, stopped: false, failure: null },
    usage,
    usage_at: new Date(NOW).toISOString(),
    rates,
    cgroup: `/sys/fs/cgroup/niwa/containers/${id}`,
    userns: null,
    spec: parseSpec({ process: { args: ['sleep', '1000'] }, ...spec }, id),
  };
}

export function exitEvent(id: string, reason: Exit['reason'], at = NOW): RuntimeEvent {
  const time = new Date(at).toISOString();
  return {
    type: 'exit',
    id,
    seq: 1,
    at: time,
    owner: null,
    labels: {},
    exit: { code: null, signal: 'SIGKILL', reason, at: time },
  };
}

/** A model on a screen, after some news. */
export function modelOf(news: News[] = [], screen = { columns: 80, rows: 24, unicode: true }): Model {
  const host = { name: 'node1', processors: 4, memoryBytes: 8 * 2 ** 30 };
  const model = initialModel(host, screen, { sort: 'cpu', reverse: false, filter: '' });
  return after(model, { type: 'connected', version: '1.2.3' }, ...news);
}

export function after(model: Model, ...news: News[]): Model {
  return news.reduce((before, one) => learn(before, one, NOW), model);
}

/** Presses keys: a name of readline behind `:`, or the text that it types. */
export function type(model: Model, ...keys: string[]): Model {
  const keyOf = (key: string): Key =>
    key.length > 1 && key.startsWith(':') ? { name: key.slice(1) } : { text: key, name: key };
  return keys.reduce((before, key) => press(before, keyOf(key)), model);
}
