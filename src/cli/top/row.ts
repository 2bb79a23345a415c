import type { ContainerStatus, Exit, State } from '../../protocol/container.js';
import type { Stats } from '../../protocol/stats.js';

/** How many readings the sparkline of a row goes back. */
const HISTORY = 60;

/** What top knows of one container. */
export interface Row {
  id: string;
  state: State;
  stats: Stats;
  /** What does not change with each reading: limits, owner, deadline; null until it has been asked for. */
  status: ContainerStatus | null;
  /** The processors in use, of the last readings, the newest last. */
  cpuHistory: readonly (number | null)[];
  /** When it ended, in milliseconds since 1970; null while it lives. */
  endedAt: number | null;
  exit: Exit | null;
}

/** The figures of a row: null where the host does not count it, or nobody has set it. */
export interface Figures {
  /** Processors in use, and how many it may have. */
  cpu: number | null;
  cpuMax: number | null;
  /** Part of the time for which the quota held it back. */
  throttled: number | null;
  memoryBytes: number | null;
  memoryMaxBytes: number | null;
  readPerSecond: number | null;
  writtenPerSecond: number | null;
  receivedPerSecond: number | null;
  sentPerSecond: number | null;
  /** The part of the last ten seconds in which some task waited, in percent. */
  pressure: { cpu: number | null; memory: number | null; io: number | null };
  leftMs: number | null;
}

/** Puts a reading on what was known of the container; nothing of a container before it with the same id. */
export function readRow(before: Row | undefined, stats: Stats, status: ContainerStatus | null): Row {
  const history = before?.endedAt === null ? before.cpuHistory : [];
  const cpuHistory = [...history, stats.rates?.cpu ?? null].slice(-HISTORY);
  return { id: stats.id, state: stats.state, stats, status, cpuHistory, endedAt: null, exit: null };
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
