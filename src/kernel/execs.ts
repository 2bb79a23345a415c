import type { Handle } from './containers.js';

/** Names one exec towards the kernel, until {@link Execs.ended} has resolved. */
export type ExecHandle = number;

export interface ExecRequest {
  /** What encodeProgram() gave. */
  program: Uint8Array;
  /** Whether standard input is a pipe; else it is /dev/null, or the terminal that the program makes. */
  input: boolean;
  /** The host's owner of the pipes, who may open them anew. */
  uid: number;
  gid: number;
}

/** Our ends of the standard streams, as descriptors that the caller has to close; -1 where there is none. */
export interface Executed {
  exec: ExecHandle;
  /** In the host's numbers. */
  pid: number;
  stdin: number;
  stdout: number;
  stderr: number;
}

/** Further processes in containers. */
export interface Execs {
  /** Makes a process in the container, and waits until it has executed. @throws KernelError with the step; then nothing is left */
  exec(handle: Handle, request: ExecRequest): Promise<Executed>;
  /** Resolves when the process has ended and is reaped; `code` -1 or `signal` 0 for none. To be called once for each. */
  ended(exec: ExecHandle): Promise<{ code: number; signal: number }>;
  /** Sends a signal; nothing happens where it has ended. */
  signal(exec: ExecHandle, signal: number): void;
  /** Sets the size of its terminal; nothing happens where it has none. */
  resize(exec: ExecHandle, rows: number, columns: number): void;
  /** Lets go of its terminal. When its pipes are closed too, its foreground processes get SIGHUP. */
  hangUp(exec: ExecHandle): void;
}

/** The terminals of containers. */
export interface Terminals {
  /**
   * Copies what a container writes to its terminal into a FIFO from now on.
   * @returns a name for {@link finish}
   * @throws KernelError ENOTTY where it has no terminal
   */
  open(handle: Handle, fifo: string): number;
  /** Copies what is there, and ends that; where the FIFO is full, waits until it is not. */
  finish(copy: number): Promise<void>;
  /** Gives the writing end of a new pipe into a container's terminal, which the caller has to close. @throws KernelError */
  input(handle: Handle): number;
  /** Sets the size of a container's terminal; nothing happens where it has none. */
  resize(handle: Handle, rows: number, columns: number): void;
}
