import type { Handle } from '../kernel/containers.js';
import { isKernelError, type KernelError } from '../kernel/errors.js';
import type { Kernel } from '../kernel/kernel.js';
import type { ContainerLog } from '../logs/log.js';
import type { LogStore } from '../logs/store.js';
import type { Spec } from '../protocol/resolved-spec.js';

/** Where the output of a container goes. */
export interface Output {
  log: ContainerLog;
  /** Why it cannot be stored; null where it can. */
  failure: KernelError | null;
  /** The copy of its terminal's output into its log; null where it has no terminal. */
  terminal: number | null;
}

/** Begins to store what a container writes, also what it writes to its terminal where it has one. */
export function openOutput(spec: Spec, handle: Handle, logs: LogStore, kernel: Pick<Kernel, 'terminals'>): Output {
  const log = logs.logOf(spec.id, handle);
  try {
    logs.open(spec.id, handle);
  } catch (error) {
    if (!isKernelError(error)) throw error;
    return { log, failure: error, terminal: null };
  }
  const terminal = spec.process.tty ? openTerminal(handle, logs.fifosOf(spec.id).stdout, kernel) : null;
  return { log, failure: null, terminal };
}

/** Stores what is left of the output of a container that has ended. */
export async function storeRest(
  handle: Handle,
  { terminal }: Output,
  { terminals, logs }: Pick<Kernel, 'terminals' | 'logs'>,
): Promise<void> {
  if (terminal !== null) await terminals.finish(terminal);
  await logs.drain(handle);
}

function openTerminal(handle: Handle, fifo: string, { terminals }: Pick<Kernel, 'terminals'>): number | null {
  try {
    return terminals.open(handle, fifo);
  } catch (error) {
    if (isKernelError(error)) return null; // it has ended before it was taken over
    throw error;
  }
}
