import type { Handle } from './containers.js';

/** Reads the use of containers. */
export interface Readings {
  /** The position of each figure in a reading, by its name, such as `"cpu.stat:usage_usec"` or `"memory.current"`. */
  readonly columns: ReadonlyMap<string, number>;
  /**
   * Reads the figures of many containers into `rows`, one row of `columns.size` for each container; NaN for figures
   * that the host does not have.
   */
  sample(handles: Uint32Array, rows: Float64Array): void;
  /** Gives the content of io.stat; "" if the host has no io controller. */
  ioStat(handle: Handle): string;
}
