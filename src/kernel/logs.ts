import type { Handle } from './containers.js';

/** Where the output of a container comes from, where it is stored, and how much of it. */
export interface LogRequest {
  /** The paths of the FIFOs. */
  stdout: string;
  stderr: string;
  /** A directory that is there; what it holds is gone on with. */
  directory: string;
  /** In all files together, index included. */
  maxBytes: number;
  maxFiles: number;
  /** 0 for no limit. */
  bytesPerSecond: number;
}

/** Something was stored since {@link Logs.watch}. */
export interface OutputEvent {
  type: 'output';
  handle: Handle;
}

/** The output of a container cannot be stored, and waits in its FIFOs. */
export interface LogErrorEvent {
  type: 'log-error';
  handle: Handle;
  /** The name of the errno; null where it can be stored again. */
  errno: string | null;
}

/** Stores what containers write. */
export interface Logs {
  /** Stores what a container writes from now on, on a thread of its own, until {@link drain}. @throws KernelError */
  open(handle: Handle, request: LogRequest): void;
  /**
   * Stores what is in the FIFOs of a container now, without the limit, and closes them; where it cannot be stored, waits until
   * it can. Where no log is open there is nothing to store.
   */
  drain(handle: Handle): Promise<void>;
  /** Asks for one `output` event as soon as something is stored from now on. */
  watch(handle: Handle): void;
}
