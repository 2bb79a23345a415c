import type { Handle } from './containers.js';

/** What containers use. */
export interface Readings {
  /** The figures of a reading by their names, `"cpu.stat:usage_usec"` or `"memory.current"`, and their places in it. */
  readonly columns: ReadonlyMap<string, number>;
  /** Reads the figures of many containers into `rows`, one row of `columns.size` each; NaN for what the host lacks. */
  sample(handles: Uint32Array, rows: Float64Array): void;
  /** Gives the text of io.stat, "" where the host has no io controller. */
  ioStat(handle: Handle): string;
}
