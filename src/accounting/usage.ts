import type { Pressure, Usage } from '../protocol/usage.js';
import { IO_KEYS, type IoCounters, type sumIo } from './block-io.js';
import { type Columns, figureAt } from './columns.js';

const CPU_KEYS = [
  'usage_usec',
  'user_usec',
  'system_usec',
  'nr_periods',
  'nr_throttled',
  'throttled_usec',
  'nr_bursts',
  'burst_usec',
] as const;
const NETWORK_KEYS = ['rx_bytes', 'rx_packets', 'tx_bytes', 'tx_packets'] as const;

/** For each figure of a part of the usage, its index in a row; -1 where the host does not count it. */
type Places<K extends string> = Record<K, number>;

/**
 * Where the figures of the usage are in a row. The names are looked up once for the columns of a host: a usage is made
 * several times for each container, and to put its names together took longer than all the rest.
 */
interface Layout {
  cpu: Places<keyof Usage['cpu']>;
  io: Places<keyof IoCounters>;
  memory: Places<'current' | 'peak' | 'swap_current'>;
  memoryEvents: Places<'low' | 'high' | 'max' | 'oom' | 'oom_kill' | 'oom_group_kill'>;
  pids: Places<'current' | 'peak' | 'max'>;
  network: Places<(typeof NETWORK_KEYS)[number]>;
  pressure: Record<keyof Usage['pressure'], Record<keyof Pressure, Places<'avg10' | 'total'>>>;
}

const layouts = new WeakMap<Columns, Layout>();

/**
 * Turns a reading into usage, as the API gives it.
 * @param row the figures of the reading, one for each column
 * @param io the sums and the devices of io.stat
 */
export function toUsage(row: Float64Array, columns: Columns, io: ReturnType<typeof sumIo>): Usage {
  const { cpu, io: ioPlaces, memory, memoryEvents, pids, network, pressure } = layoutOf(columns);
  const get = (place: number) => figureAt(row, place);
  return {
    cpu: figuresAt(row, cpu),
    io: get(ioPlaces.rbytes) === null ? null : { ...io.sums, devices: io.devices },
    memory: get(memory.current) === null ? null : { ...figuresAt(row, memory), events: figuresAt(row, memoryEvents) },
    pids:
      get(pids.current) === null
        ? null
        : { current: get(pids.current), peak: get(pids.peak), events: { max: get(pids.max) } },
    network: get(network.rx_bytes) === null ? null : (figuresAt(row, network) as NonNullable<Usage['network']>),
    pressure: {
      cpu: toPressure(row, pressure.cpu),
      memory: toPressure(row, pressure.memory),
      io: toPressure(row, pressure.io),
    },
  };
}

/** The sums of io.stat in a reading; 0 for what the host does not count. */
export function ioSums(row: Float64Array, columns: Columns): IoCounters {
  const sums = {} as IoCounters;
  const { io } = layoutOf(columns);
  for (const key of IO_KEYS) sums[key] = figureAt(row, io[key]) ?? 0;
  return sums;
}

function toPressure(row: Float64Array, { some, full }: Layout['pressure']['cpu']): Pressure | null {
  return figureAt(row, some.total) === null ? null : { some: figuresAt(row, some), full: figuresAt(row, full) };
}

function figuresAt<K extends string>(row: Float64Array, places: Places<K>): Record<K, number | null> {
  const figures = {} as Record<K, number | null>;
  for (const key in places) figures[key] = figureAt(row, places[key]);
  return figures;
}

function layoutOf(columns: Columns): Layout {
  const known = layouts.get(columns);
  if (known !== undefined) return known;
  const at = (name: string) => columns.get(name) ?? -1;
  const keyed = <K extends string>(prefix: string, keys: readonly K[]) =>
    Object.fromEntries(keys.map((key) => [key, at(`${prefix}${key}`)])) as Places<K>;
  const pressureOf = (resource: string) => ({
    some: keyed(`${resource}.pressure:some `, ['avg10', 'total']),
    full: keyed(`${resource}.pressure:full `, ['avg10', 'total']),
  });
  const layout = {
    cpu: keyed('cpu.stat:', CPU_KEYS),
    io: keyed('io.stat:', IO_KEYS),
    memory: { current: at('memory.current'), peak: at('memory.peak'), swap_current: at('memory.swap.current') },
    memoryEvents: keyed('memory.events:', ['low', 'high', 'max', 'oom', 'oom_kill', 'oom_group_kill']),
    pids: { current: at('pids.current'), peak: at('pids.peak'), max: at('pids.events:max') },
    network: keyed('network:', NETWORK_KEYS),
    pressure: { cpu: pressureOf('cpu'), memory: pressureOf('memory'), io: pressureOf('io') },
  } satisfies Layout;
  layouts.set(columns, layout);
  return layout;
}
