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

type Side = Pick<Kernel, 'terminals'>;

/** Begins to store the output of a container of an earlier niwad, see {@link outputOf}. */
export function openOutput(spec: Spec, handle: Handle, logs: LogStore, kernel: Side): Output {
  return outputOf(spec, handle, logs, kernel, openLog(spec, handle, logs));
}

/**
 * Gives the output of a container that the kernel's side stores, and begins to copy the output of its terminal into the
 * log if it has a terminal.
 * @param failure why the kernel's side cannot store it; null if it can
 */
export function outputOf(
  spec: Spec,
  handle: Handle,
  logs: LogStore,
  kernel: Side,
  failure: KernelError | null,
): Output {
  const log = logs.logOf(spec.id, handle);
  const hasTerminal = failure === null && spec.process.tty && storesOutput(spec);
  return { log, failure, terminal: hasTerminal ? openTerminal(handle, logs.fifosOf(spec.id).stdout, kernel) : null };
}

/** Whether niwad stores the output of a container: one of an engine writes to the streams of its engine. */
export function storesOutput({ oci }: Spec): boolean {
  return oci === undefined;
}

function openLog(spec: Spec, handle: Handle, logs: LogStore): KernelError | null {
  if (!storesOutput(spec)) return null;
  try {
    logs.open(spec.id, handle);
    return null;
  } catch (error) {
    if (isKernelError(error)) return error;
    throw error;
  }
}

function openTerminal(handle: Handle, fifo: string, { terminals }: Side): number | null {
  try {
    return terminals.open(handle, fifo);
  } catch (error) {
    // the container had ended before it was taken over, so there is no terminal to read
    if (isKernelError(error)) return null;
    throw error;
  }
}
