import type { Handle } from './containers.js';

/** Reads the use of containers. */
export interface Readings {
  /** The position of each figure in a reading, by its name, such as `"cpu.stat:usage_usec"` or `"memory.current"`. */
  readonly columns: ReadonlyMap<string, number>;
  /**
   * Reads the figures of many containers into `rows`, one row of `columns.size` for each container; NaN for figures
   * that the host does not have.
   * @param idle lets idle containers be passed over: those whose processor time, periods of cpu.max, block I/O and
   *   network counters are the same as in the last call with `idle`. One number for each container: where it is not 0,
   *   the container may be passed over. It becomes 1 where the container was passed over, and its row was left as it
   *   was; else 0
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
