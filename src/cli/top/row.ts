import type { ContainerStatus, Exit, State } from '../../protocol/container.js';
import type { ServiceStatus } from '../../protocol/services.js';
import type { Stats } from '../../protocol/stats.js';

/** The number of readings in a row's sparkline. */
const HISTORY = 60;

/** The data of one container, or of a service, in top. */
export interface Row {
  id: string;
  state: State;
  stats: Stats;
  /**
   * The status, for facts that do not change with each reading: limits, owner, deadline; null until niwad has sent it.
   */
  status: ContainerStatus | null;
  /** The processors in use in the last readings, the newest last. */
  cpuHistory: readonly (number | null)[];
  /** The time of the container's end, in milliseconds since 1970; null while the container lives. */
  endedAt: number | null;
  exit: Exit | null;
  /** The service of which the row has the sums, see group.ts; null for the row of a container. */
  service: ServiceStatus | null;
}

/** The figures of a row; null if the host does not count the figure, or the limit is not set. */
export interface Figures {
  /** The number of processors in use, and the container's limit. */
  cpu: number | null;
  cpuMax: number | null;
  /** The fraction of time in which the CPU quota stopped the container. */
  throttled: number | null;
  memoryBytes: number | null;
  memoryMaxBytes: number | null;
  readPerSecond: number | null;
  writtenPerSecond: number | null;
  receivedPerSecond: number | null;
  sentPerSecond: number | null;
  /** The percentage of the last ten seconds in which some task of the container waited. */
  pressure: { cpu: number | null; memory: number | null; io: number | null };
  leftMs: number | null;
}

/** Adds a new reading to a row. The data of an earlier container with the same id is not kept. */
export function readRow(before: Row | undefined, stats: Stats, status: ContainerStatus | null): Row {
  const history = before?.endedAt === null ? before.cpuHistory : [];
  const cpuHistory = [...history, stats.rates?.cpu ?? null].slice(-HISTORY);
  return { id: stats.id, state: stats.state, stats, status, cpuHistory, endedAt: null, exit: null, service: null };
}

/** Gives the figures of a row; `now` in milliseconds since 1970. */
export function figuresOf({ stats, status, endedAt }: Row, now: number): Figures {
  const { usage, rates } = stats;
  const limits = status?.spec.resources;
  const deadline = status?.deadline_at == null || endedAt !== null ? null : Date.parse(status.deadline_at);
  return {
    cpu: rates?.cpu ?? null,
    cpuMax: bound(limits?.cpu.max),
    throttled: rates?.throttled ?? null,
    memoryBytes: usage.memory?.current ?? null,
    memoryMaxBytes: bound(limits?.memory.maxBytes),
    readPerSecond: rates?.rbytes_per_second ?? null,
    writtenPerSecond: rates?.wbytes_per_second ?? null,
    receivedPerSecond: rates?.rx_bytes_per_second ?? null,
    sentPerSecond: rates?.tx_bytes_per_second ?? null,
    pressure: {
      cpu: usage.pressure.cpu?.some.avg10 ?? null,
      memory: usage.pressure.memory?.some.avg10 ?? null,
      io: usage.pressure.io?.some.avg10 ?? null,
    },
    leftMs: deadline === null ? null : Math.max(0, deadline - now),
  };
}

function bound(limit: number | 'max' | undefined): number | null {
  return typeof limit === 'number' ? limit : null;
}
