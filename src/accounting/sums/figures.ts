import type { UsageRecord } from '../../protocol/record.js';

/** The figures that are summed, with where they are in a record. Each counts from the start of the run. */
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

/** The names of the figures, in the order in which they stand wherever they are an array. */
export const FIGURE_NAMES = Object.keys(FIGURES) as FigureName[];

/** The highest figures of a run so far, in the order of {@link FIGURE_NAMES}; null for one that no record has had. */
export type Used = (number | null)[];

/** What a run has used that has no record yet. */
export function nothingUsed(): Used {
  return READERS.map(() => null);
}

/** Gives what was used since the last record, and remembers this one. */
export function usedSince(last: Used, record: UsageRecord): Used {
  return READERS.map((read, i) => {
    const now = read(record) ?? null;
    if (now === null) return null;
    const before = last[i] ?? 0;
    last[i] = Math.max(before, now);
    return Math.max(0, now - before);
  });
}
