import type { UsageRecord } from '../../protocol/record.js';

/** The figures that are summed, and where each is in a record. All count from the start of the run. */
const FIGURES = {
  cpu_usage_usec: ({ usage }) => usage?.cpu.usage_usec,
  cpu_user_usec: ({ usage }) => usage?.cpu.user_usec,
  cpu_system_usec: ({ usage }) => usage?.cpu.system_usec,
  throttled_usec: ({ usage }) => usage?.cpu.throttled_usec,
  rbytes: ({ usage }) => usage?.io?.rbytes,
  wbytes: ({ usage }) => usage?.io?.wbytes,
  rios: ({ usage }) => usage?.io?.rios,
  wios: ({ usage }) => usage?.io?.wios,
  network_rx_bytes: ({ usage }) => usage?.network?.rx_bytes,
  network_tx_bytes: ({ usage }) => usage?.network?.tx_bytes,
  memory_byte_seconds: ({ memory_byte_seconds }) => memory_byte_seconds,
  duration_usec: ({ duration_usec }) => duration_usec,
} satisfies Record<string, (record: UsageRecord) => number | null | undefined>;

type FigureName = keyof typeof FIGURES;
const READERS = Object.values(FIGURES);

/** The names of the figures. Every array of figures has this order. */
export const FIGURE_NAMES = Object.keys(FIGURES) as FigureName[];

/** The highest figures of a run so far, in the order of {@link FIGURE_NAMES}; null for a figure that no record had. */
export type Used = (number | null)[];

/** Gives the figures of a run that has no record yet. */
export function nothingUsed(): Used {
  return READERS.map(() => null);
}

/** Gives what a run has used since its last record, and raises `last` to the figures of this record. */
export function usedSince(last: Used, record: UsageRecord): Used {
  return READERS.map((read, i) => {
    const now = read(record) ?? null;
    if (now === null) return null;
    const before = last[i] ?? 0;
    last[i] = Math.max(before, now);
    return Math.max(0, now - before);
  });
}
