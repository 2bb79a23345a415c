import type { Handle } from './containers.js';

/** What a round of the sampler finds of a container, see Finding in native/core/sample.h. */
export const FOUND = {
  /** Its figures were read. */
  read: 0,
  /** It has been idle since the last round, so that nothing else was read. */
  passedOver: 1,
  /** All figures were read, and are those of the last reading. */
  unchanged: 2,
} as const;

/** Reads the use of containers. */
export interface Readings {
  /** The position of each figure in a reading, by its name, such as `"cpu.stat:usage_usec"` or `"memory.current"`. */
  readonly columns: ReadonlyMap<string, number>;
  /**
   * Reads the figures of many containers into `rows`, one row of `columns.size` for each container; NaN for figures
   * that the host does not have.
   * @param idle for a round of the sampler: one number for each container. Where it is not 0, the container is passed
   *   over if it is idle: if its processor time, periods of cpu.max, block I/O and network counters are the same as in
   *   the last round. It becomes what was found, one of {@link FOUND}; a row is written only where that is `read`
   */
  sample(handles: Uint32Array, rows: Float64Array, idle?: Uint8Array): void;
  /** Gives the content of io.stat; "" if the host has no io controller. */
  ioStat(handle: Handle): string;
  /**
   * Reads files of procfs, sysfs or a cgroup in one call, each to its end. The directory is opened once, so all files
   * below /proc/PID are of one process, also if it ends meanwhile.
   * @param files the names of files in the directory
   * @param links the names of symbolic links in it
   * @returns the texts of the files, then where the links lead; null for each that cannot be read. null where there is
   *   no such directory
   */
  readFiles(directory: string, files: readonly string[], links?: readonly string[]): (string | null)[] | null;
}
