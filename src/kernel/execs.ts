import type { Handle } from './containers.js';

/** The number of one exec on the kernel's side, until {@link Execs.ended} has resolved. */
export type ExecHandle = number;

export interface ExecRequest {
  /** The result of encodeProgram(). */
  program: Uint8Array;
  /** Whether standard input is a pipe. If not, it is /dev/null, or the terminal that the program makes. */
  input: boolean;
  /** Whether its outputs are pipes or the terminal that the program makes. If not, they are /dev/null. */
  output: boolean;
  /** The path of the program that the operation `exec_image` executes; "" for none. */
  image: string;
  /** The owner of the pipes on the host: the process's user, who may open them again. */
  uid: number;
  gid: number;
}

/** niwad's ends of the standard streams, as descriptors that the caller has to close; -1 for a missing stream. */
export interface Executed {
  exec: ExecHandle;
  /** The pid as the host sees it. */
  pid: number;
  stdin: number;
  stdout: number;
  stderr: number;
}

/** Additional processes in containers. */
export interface Execs {
  /**
   * Makes a process in a container, and waits until its program is executed. @throws KernelError with the failed step;
   * then no process is left
   */
  exec(handle: Handle, request: ExecRequest): Promise<Executed>;
  /**
   * Resolves when the process has ended and is reaped; `code` is -1 and `signal` is 0 if there is none. To be called
   * once for each exec.
   */
  ended(exec: ExecHandle): Promise<{ code: number; signal: number }>;
  /** Sends a signal to the process; does nothing if the process has ended. */
  signal(exec: ExecHandle, signal: number): void;
  /** Sets the size of the process's terminal; does nothing if the process has none. */
  resize(exec: ExecHandle, rows: number, columns: number): void;
  /**
   * Closes niwad's end of the terminal. Once the pipes of the streams are closed too, the foreground processes of the
   * terminal get SIGHUP.
   */
  hangUp(exec: ExecHandle): void;
}

/** The terminals of containers. */
export interface Terminals {
  /**
   * Begins to copy the output of a container's terminal into a FIFO.
   * @returns the number of the copy, for {@link finish}
   * @throws KernelError ENOTTY if the container has no terminal
   */
  open(handle: Handle, fifo: string): number;
  /** Copies the rest of the output and ends the copy. If the FIFO is full, waits until it has room. */
  finish(copy: number): Promise<void>;
  /**
   * Gives the writing end of a new pipe into a container's terminal; the caller has to close it.
   * @throws KernelError
   */
  input(handle: Handle): number;
  /** Sets the size of a container's terminal; does nothing if the container has none. */
  resize(handle: Handle, rows: number, columns: number): void;
}
