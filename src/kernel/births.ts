import type { CreateRequest, CreateTemplate, Deadline, Handle, Started } from './containers.js';

/** A frame from a connection of the OCI command, or the end of the connection. The receiver owns the descriptors. */
export interface Frame {
  connection: number;
  closed: boolean;
  /** Its kind, see src/oci/messages.ts. */
  kind: number;
  body: Buffer;
  descriptors: number[];
}

/** A Unix socket whose frames carry descriptors. Only root may connect. */
export interface Frames {
  /**
   * Accepts connections from a listening stream socket, which is no longer the caller's. To be called once.
   * @throws KernelError
   */
  open(listening: number, listener: (frame: Frame) => void): void;
  /** Sends a frame; does nothing if the connection is over. The descriptors are closed when they are sent. */
  send(connection: number, kind: number, body: Uint8Array, descriptors: readonly number[]): void;
  /** Accepts no more connections, and ends all. */
  close(): void;
}

/** The group and the user namespaces of a container whose first process another program will make. */
export type BirthRequest = Pick<
  CreateRequest,
  'template' | 'handle' | 'id' | 'cgroup' | 'uidMap' | 'gidMap' | 'owner' | 'mountMaps'
>;

/** Descriptors for the first process of a container, which the caller owns. */
export interface Birthplace {
  boot: number;
  /** The directory of its group. */
  group: number;
  /** Its user namespace; missing where it has none of its own. */
  userns?: number;
  /** The user namespaces that map the ids of its mounts. */
  mountUserns: number[];
}

/** Descriptors for a further process in a container, which the caller owns. */
export interface Entrance {
  boot: number;
  /** The directory of its group. */
  group: number;
  /** A pidfd of its first process. */
  first: number;
}

/** Containers whose processes another program makes, below itself. */
export interface Births {
  /**
   * Makes the group and the user namespaces.
   * @throws KernelError with the failed step; then no group is left
   */
  prepare(request: BirthRequest): Promise<Birthplace>;
  /**
   * Gives a descriptor of a network namespace that was made ahead, whose loopback device is up; the caller owns it. A
   * negative number where none is ready.
   */
  takeNetwork(): number;
  /**
   * Takes over the process, which waits for its start; both descriptors are no longer the caller's. Then writes
   * `lateWrites` to the files of the group. With `givesGroup` the group, and its files that the kernel delegates,
   * belong to the user of the process then. Gives the pid of the process.
   * @throws KernelError if the process is not in the group; {@link undo} has to follow
   */
  take(
    handle: Handle,
    pidfd: number,
    control: number,
    lateWrites: CreateTemplate['lateWrites'],
    givesGroup: boolean,
  ): Promise<number>;
  /** Kills what is in the group of a container that was not taken over, and removes the group. */
  undo(handle: Handle): Promise<void>;
  /**
   * Starts a created container, as the method of Containers does. It has all the time that its hooks need, and no
   * thread of Node.js's pool waits for it.
   * @throws KernelError with the failed step; then the container ends, and an exit event follows
   */
  start(handle: Handle, lifetimeNs: bigint, deadline: Deadline): Promise<Started>;
  /** Whether the first process of a container has ended, also if nobody was told of that yet. */
  hasEnded(handle: Handle): boolean;
  /**
   * Sends a signal to the first process as it is: the kernel drops a signal that an init does not handle.
   * @throws KernelError ESRCH if the process has ended
   */
  deliver(handle: Handle, signal: number): void;
  /** Sends a signal to all processes of a container; does nothing where it has ended. */
  deliverAll(handle: Handle, signal: number): Promise<void>;
  /**
   * Gives what the other program needs to make a further process.
   * @param below the path of a group below that of the container, `.` for that one itself; "" for the one where a
   *   further process may be
   * @throws KernelError ESRCH if the container has ended, ENOENT if there is no such group
   */
  enter(handle: Handle, below: string): Entrance;
  /** Gives the pids of all processes of a container; none where it has ended. */
  processes(handle: Handle): Promise<number[]>;
}
