import type { Handle } from './containers.js';

/** What containers use. */
export interface Readings {
  /** The names of the figures of a reading, `"cpu.stat:usage_usec"` or `"memory.current"`, in their order. */
  readonly columns: readonly string[];
  /** Reads the figures of many containers into `rows`, one row of `columns.length` each; NaN for what the host lacks. */
  sample(handles: Uint32Array, rows: Float64Array): void;
  /** Gives the text of io.stat, "" where the host has no io controller. */
  ioStat(handle: Handle): string;
}
