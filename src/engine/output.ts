import type { Handle } from '../kernel/containers.js';
import { isKernelError, type KernelError } from '../kernel/errors.js';
import type { Kernel } from '../kernel/kernel.js';
import type { ContainerLog } from '../logs/log.js';
import type { LogStore } from '../logs/store.js';
import type { Spec } from '../protocol/resolved-spec.js';

/** Where niwa stores the output of a container. */
export interface Output {
  log: ContainerLog;
  /** Why the output cannot be stored; null if it can. */
  failure: KernelError | null;
  /** The number of the copy from the container's terminal into its log; null if the container has no terminal. */
  terminal: number | null;
}

/**
 * Begins to store the output of a container, and to copy the output of its terminal into the log if it has a terminal.
 */
export function openOutput(spec: Spec, handle: Handle, logs: LogStore, kernel: Pick<Kernel, 'terminals'>): Output {
  const log = logs.logOf(spec.id, handle);
  // it writes to the streams of its engine
  if (spec.oci !== undefined) return { log, failure: null, terminal: null };
  try {
    logs.open(spec.id, handle);
  } catch (error) {
    if (!isKernelError(error)) throw error;
    return { log, failure: error, terminal: null };
  }
  const terminal = spec.process.tty ? openTerminal(handle, logs.fifosOf(spec.id).stdout, kernel) : null;
  return { log, failure: null, terminal };
}

function openTerminal(handle: Handle, fifo: string, { terminals }: Pick<Kernel, 'terminals'>): number | null {
  try {
    return terminals.open(handle, fifo);
  } catch (error) {
    // the container had ended before it was taken over, so there is no terminal to read
    if (isKernelError(error)) return null;
    throw error;
  }
}
