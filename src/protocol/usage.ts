import { type Static, Type } from 'typebox';
import { Figure, nullable } from './parts.js';

const IoSchema = {
  rbytes: Type.Number(),
  wbytes: Type.Number(),
  rios: Type.Number(),
  wios: Type.Number(),
  dbytes: Type.Number(),
  dios: Type.Number(),
};

const IoKey = Type.Enum(['rbytes', 'wbytes', 'rios', 'wios', 'dbytes', 'dios']);
const DeviceSchema = Type.Object(
  {
    device: Type.String(),
    ...IoSchema,
    counted: Type.Optional(
      Type.Array(IoKey, {
        description: 'which of these figures are part of the sum; missing in records of an older niwad',
      }),
    ),
  },
  { title: 'DeviceIo' },
);

const PressureSchema = Type.Object(
  {
    some: Type.Object({ avg10: Figure, total: Figure }),
    full: Type.Object({ avg10: Figure, total: Figure }),
  },
  { title: 'Pressure' },
);

/**
 * What the kernel has counted for one container, with the names and units of the kernel. A figure that the host does
 * not count is null. If a controller is missing, its whole part is null.
 */
export const UsageSchema = Type.Object(
  {
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
            'io.stat for each device ("major:minor"), and the sum, in which each byte counts once, also where devices are stacked; null without the io controller',
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
        {
          description:
            'what the container has received and sent over the bridge; null for a container that is not on the bridge',
        },
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
  },
  {
    title: 'Usage',
    description:
      'what the kernel has counted for one container, with the names and units of the kernel; null where the host does not count it',
  },
);

export type Usage = Static<typeof UsageSchema>;
export type Pressure = Static<typeof PressureSchema>;

/** Rates between two readings, for each second; null where the host does not count the figure. */
export const RatesSchema = Type.Object(
  {
    interval_usec: Type.Number(),
    cpu: Type.Union([Type.Number(), Type.Null()], { description: 'processors in use: 0.5 is half of one' }),
    throttled: Type.Union([Type.Number(), Type.Null()], {
      description:
        'the part of the interval for which the quota made the container wait: 0 to 1, more with several threads',
    }),
    rbytes_per_second: Figure,
    wbytes_per_second: Figure,
    rios_per_second: Figure,
    wios_per_second: Figure,
    rx_bytes_per_second: Figure,
    tx_bytes_per_second: Figure,
  },
  { title: 'Rates' },
);
export type Rates = Static<typeof RatesSchema>;

/** One point of the history of the last minute, for graphs. */
export const HistoryPointSchema = Type.Object(
  {
    at: Type.Number({ description: 'milliseconds since 1970' }),
    cpu: Figure,
    throttled: Figure,
    memory_bytes: Figure,
    rbytes_per_second: Figure,
    wbytes_per_second: Figure,
  },
  { title: 'HistoryPoint' },
);
export type HistoryPoint = Static<typeof HistoryPointSchema>;
