import type { Pressure, Usage } from '../protocol/usage.js';
import type { sumIo } from './block-io.js';
import { type Columns, figure } from './columns.js';

const NETWORK_KEYS = ['rx_bytes', 'rx_packets', 'tx_bytes', 'tx_packets'] as const;

/**
 * Turns a reading into usage, as the API gives it.
 * @param row the figures of the reading, one for each column
 * @param io the sums and the devices of io.stat
 */
export function toUsage(row: Float64Array, columns: Columns, io: ReturnType<typeof sumIo>): Usage {
  const get = (name: string) => figure(row, columns, name);
  const keyed = <K extends string>(file: string, keys: readonly K[]) =>
    Object.fromEntries(keys.map((key) => [key, get(`${file}:${key}`)])) as Record<K, number | null>;
  const hasMemory = get('memory.current') !== null;
  const hasPids = get('pids.current') !== null;
  return {
    cpu: keyed('cpu.stat', [
      'usage_usec',
      'user_usec',
      'system_usec',
      'nr_periods',
      'nr_throttled',
      'throttled_usec',
      'nr_bursts',
      'burst_usec',
    ]),
    io: get('io.stat:rbytes') === null ? null : { ...io.sums, devices: io.devices },
    memory: hasMemory
      ? {
          current: get('memory.current'),
          peak: get('memory.peak'),
          swap_current: get('memory.swap.current'),
          events: keyed('memory.events', ['low', 'high', 'max', 'oom', 'oom_kill', 'oom_group_kill']),
        }
      : null,
    pids: hasPids
      ? { current: get('pids.current'), peak: get('pids.peak'), events: { max: get('pids.events:max') } }
      : null,
    network:
      get('network:rx_bytes') === null ? null : (keyed('network', NETWORK_KEYS) as NonNullable<Usage['network']>),
    pressure: { cpu: toPressure('cpu', get), memory: toPressure('memory', get), io: toPressure('io', get) },
  };
}

function toPressure(resource: string, get: (name: string) => number | null): Pressure | null {
  const part = (line: string) => ({
    avg10: get(`${resource}.pressure:${line} avg10`),
    total: get(`${resource}.pressure:${line} total`),
  });
  const some = part('some');
  return some.total === null ? null : { some, full: part('full') };
}
