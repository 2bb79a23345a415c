import type { Failure, Handle } from './native.js';

/** Names one exec towards the addon, until {@link NativeExec.execEnded} has resolved. */
export type ExecHandle = number;

export interface NativeExecRequest {
  /** What encodeProgram() gave. */
  program: Uint8Array;
  /** Whether standard input is a pipe; else it is /dev/null, or the terminal that the program makes. */
  input: boolean;
  /** The host's owner of the pipes, who may open them anew. */
  uid: number;
  gid: number;
}

/** Our ends of the standard streams, as descriptors that the caller has to close; -1 where there is none. */
export interface NativeExecuted {
  exec: ExecHandle;
  /** In the host's numbers. */
  pid: number;
  stdin: number;
  stdout: number;
  stderr: number;
}

/** The part of the addon's face that is about execs and terminals (native/addon/face/execs.cc). */
export interface NativeExec {
  /** Makes a process in the container, and waits until it has executed. On failure nothing is left. */
  exec(handle: Handle, request: NativeExecRequest): Promise<NativeExecuted | Failure>;
  /** Resolves when the process has ended and is reaped; `code` -1 or `signal` 0 for none. To be called once for each. */
  execEnded(exec: ExecHandle): Promise<{ code: number; signal: number }>;
  /** Sends a signal. Gives the errno, ESRCH where it has ended. */
  execSignal(exec: ExecHandle, signal: number): number;
  /** Sets the size of its terminal. Gives the errno. */
  execResize(exec: ExecHandle, rows: number, columns: number): number;
  /** Lets go of its terminal. When its pipes are closed too, its foreground processes get SIGHUP. */
  execHangUp(exec: ExecHandle): void;
  /**
   * Copies what a container writes to its terminal into a FIFO from now on.
   * @returns a name for {@link finishTerminal}, or -errno: -ENOTTY where it has no terminal
   */
  openTerminal(handle: Handle, fifo: string): number;
  /** Copies what is there, and ends that; where the FIFO is full, waits until it is not. */
  finishTerminal(copy: number): Promise<void>;
  /** Gives the writing end of a new pipe into a container's terminal, which the caller has to close, or -errno. */
  terminalInput(handle: Handle): number;
  /** Sets the size of a container's terminal. Gives the errno. */
  resizeTerminal(handle: Handle, rows: number, columns: number): number;
}
