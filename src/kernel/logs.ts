import type { Handle, LogBounds } from './containers.js';

/** The source of a container's output, and where it is stored. */
export interface LogRequest {
  /** The paths of the FIFOs. */
  stdout: string;
  stderr: string;
  /** Made with the first output; a log in it is continued. */
  directory: string;
  bounds: LogBounds;
}

/** Output was stored since the last {@link Logs.watch}. */
export interface OutputEvent {
  type: 'output';
  handle: Handle;
}

/** The output of a container cannot be stored at the moment, and waits in its FIFOs; or it can be stored again. */
export interface LogErrorEvent {
  type: 'log-error';
  handle: Handle;
  /** The name of the errno; null if the output can be stored again. */
  errno: string | null;
}

/** Stores the output of containers. */
export interface Logs {
  /**
   * Begins to store the output of a container of an earlier daemon, on a thread of its own, until Containers.end.
   * @throws KernelError
   */
  open(handle: Handle, request: LogRequest): void;
  /** Requests one `output` event, sent when the next output is stored. */
  watch(handle: Handle): void;
}
