import type { Usage } from '../protocol/usage.js';

/** Limits of a group, as its files have them: "max" or digits; missing without the controller. */
export interface GroupLimits {
  memory?: string | undefined;
  pids?: string | undefined;
}

const NS_PER_USEC = 1000;
const nanoseconds = (usec: number | null) => (usec ?? 0) * NS_PER_USEC;
const limitOf = (text: string | undefined) => (text === undefined || text === 'max' ? {} : { limit: Number(text) });

/**
 * Gives what `events` writes for a container: the words and units of runc, the figures of niwad. What the host does not
 * count is missing. A limit that is not set is missing, too. Pure.
 * @param id the name that the engine gives it
 */
export function statsEvent(id: string, usage: Usage, limits: GroupLimits): object {
  const { cpu, pids, io } = usage;
  return {
    type: 'stats',
    id,
    data: {
      cpu: {
        usage: {
          total: nanoseconds(cpu.usage_usec),
          kernel: nanoseconds(cpu.system_usec),
          user: nanoseconds(cpu.user_usec),
        },
        throttling: {
          periods: cpu.nr_periods ?? 0,
          throttledPeriods: cpu.nr_throttled ?? 0,
          throttledTime: nanoseconds(cpu.throttled_usec),
        },
      },
      ...memoryOf(usage, limits.memory),
      ...(pids === null ? {} : { pids: { current: pids.current ?? 0, ...limitOf(limits.pids) } }),
      ...(io === null ? {} : { blkio: blockIoOf(io.devices) }),
    },
  };
}

function memoryOf({ memory }: Usage, limit: string | undefined): object {
  if (memory === null) return {};
  const { current, peak, swap_current: swap, events } = memory;
  return {
    memory: {
      usage: {
        usage: current ?? 0,
        ...(peak === null ? {} : { max: peak }),
        ...limitOf(limit),
        failcnt: events.max ?? 0,
      },
      swap: { usage: (current ?? 0) + (swap ?? 0), failcnt: 0 },
    },
  };
}

function blockIoOf(devices: NonNullable<Usage['io']>['devices']): object {
  const entries = (keys: [op: string, key: 'rbytes' | 'wbytes' | 'rios' | 'wios'][]) =>
    devices.flatMap((device) => {
      const [major, minor] = device.device.split(':').map(Number);
      return keys.map(([op, key]) => ({ major, minor, op, value: device[key] }));
    });
  return {
    ioServiceBytesRecursive: entries([
      ['Read', 'rbytes'],
      ['Write', 'wbytes'],
    ]),
    ioServicedRecursive: entries([
      ['Read', 'rios'],
      ['Write', 'wios'],
    ]),
  };
}
