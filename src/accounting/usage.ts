import { type Static, type TSchema, Type } from 'typebox';
import type { sumIo } from './block-io.js';
import { type Columns, figure } from './columns.js';

const NETWORK_KEYS = ['rx_bytes', 'rx_packets', 'tx_bytes', 'tx_packets'] as const;

const nullable = <T extends TSchema>(schema: T) => Type.Union([schema, Type.Null()]);
const Figure = nullable(Type.Number());

const IoSchema = {
  rbytes: Type.Number(),
  wbytes: Type.Number(),
  rios: Type.Number(),
  wios: Type.Number(),
  dbytes: Type.Number(),
  dios: Type.Number(),
};

const IoKey = Type.Enum(['rbytes', 'wbytes', 'rios', 'wios', 'dbytes', 'dios']);
const DeviceSchema = Type.Object({
  device: Type.String(),
  ...IoSchema,
  counted: Type.Optional(
    Type.Array(IoKey, { description: 'which of these figures are in the sum; not there in what an older niwad wrote' }),
  ),
});

const PressureSchema = Type.Object({
  some: Type.Object({ avg10: Figure, total: Figure }),
  full: Type.Object({ avg10: Figure, total: Figure }),
});

/**
 * What the kernel has counted for one container, with the kernel's names and units. A figure that the host does not give is
 * null, and so is a whole part where its controller is missing.
 */
export const UsageSchema = Type.Object({
  cpu: Type.Object(
    {
      usage_usec: Figure,
      user_usec: Figure,
      system_usec: Figure,
      nr_periods: Figure,
      nr_throttled: Figure,
      throttled_usec: Figure,
      nr_bursts: Figure,
      burst_usec: Figure,
    },
    { description: 'cpu.stat; the fields from nr_periods on need the cpu controller' },
  ),
  io: nullable(
    Type.Object(
      { ...IoSchema, devices: Type.Array(DeviceSchema) },
      {
        description:
          'io.stat per device ("major:minor"), and summed, each byte once where devices are stacked; null without the io controller',
      },
    ),
  ),
  memory: nullable(
    Type.Object(
      {
        current: Figure,
        peak: Figure,
        swap_current: Figure,
        events: Type.Object({
          low: Figure,
          high: Figure,
          max: Figure,
          oom: Figure,
          oom_kill: Figure,
          oom_group_kill: Figure,
        }),
      },
      { description: 'memory.current, memory.peak and memory.swap.current in bytes, and memory.events' },
    ),
  ),
  network: nullable(
    Type.Object(
      { rx_bytes: Type.Number(), rx_packets: Type.Number(), tx_bytes: Type.Number(), tx_packets: Type.Number() },
      { description: 'what it has received and sent over the bridge; null without' },
    ),
  ),
  pids: nullable(
    Type.Object(
      { current: Figure, peak: Figure, events: Type.Object({ max: Figure }) },
      { description: 'pids.current, pids.peak, and how often pids.max refused a fork' },
    ),
  ),
  pressure: Type.Object(
    { cpu: nullable(PressureSchema), memory: nullable(PressureSchema), io: nullable(PressureSchema) },
    { description: 'cpu.pressure, memory.pressure and io.pressure: avg10 in percent, total in microseconds' },
  ),
});

export type Usage = Static<typeof UsageSchema>;
type Pressure = Static<typeof PressureSchema>;

/**
 * Turns a reading into usage.
 * @param row one figure per column
 * @param io what io.stat says, summed
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
