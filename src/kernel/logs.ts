import type { Handle } from './containers.js';

/** The source of a container's output, where it is stored, and the bounds of the log. */
export interface LogRequest {
  /** The paths of the FIFOs. */
  stdout: string;
  stderr: string;
  /** An existing directory; a log in it is continued. */
  directory: string;
  /** The limit for all files together, index included. */
  maxBytes: number;
  maxFiles: number;
  /** 0 for no limit. */
  bytesPerSecond: number;
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
  /** Begins to store the output of a container, on a thread of its own, until Containers.end. @throws KernelError */
  open(handle: Handle, request: LogRequest): void;
  /** Requests one `output` event, sent when the next output is stored. */
  watch(handle: Handle): void;
}
