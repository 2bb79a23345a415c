import type { ContainerLog } from '../logs/log.js';
import type { LogStore } from '../logs/store.js';
import { type Handle, native } from '../native.js';
import type { Spec } from '../protocol/resolved-spec.js';

/** Where the output of a container goes. */
export interface Output {
  log: ContainerLog;
  /** Why its log could not be opened, 0 where it could. */
  logErrno: number;
  /** The copy of its terminal's output into its log; null where it has no terminal. */
  terminal: number | null;
}

/** Begins to store what a container writes, also what it writes to its terminal where it has one. */
export function openOutput(spec: Spec, handle: Handle, logs: LogStore): Output {
  const { log, errno } = logs.open(spec.id, handle);
  const terminal = errno === 0 && spec.process.tty ? openTerminal(spec.id, handle, logs) : null;
  return { log, logErrno: errno, terminal };
}

/** Stores what is left of the output of a container that has ended. */
export async function storeRest(handle: Handle, { terminal }: Output): Promise<void> {
  if (terminal !== null) await native.finishTerminal(terminal);
  await native.drainLog(handle);
}

function openTerminal(id: string, handle: Handle, logs: LogStore): number | null {
  const copy = native.openTerminal(handle, logs.fifosOf(id).stdout);
  return copy < 0 ? null : copy;
}
