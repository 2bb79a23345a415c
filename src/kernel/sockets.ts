/** The process at the other end of a socket. */
export interface Peer {
  pid: number;
  uid: number;
  /** The primary group first, then the supplementary ones. */
  groups: number[];
}

/** How many bytes the path of a Unix socket has at most, see unix(7). */
export const MOST_OF_SOCKET_PATH = 107;

/** Unix sockets. */
export interface Sockets {
  /**
   * Makes a stream socket that listens at a path where no file exists. Gives a descriptor that the caller owns. @throws
   * KernelError
   */
  listenAt(path: string, backlog: number): number;
  /**
   * Gives access to a file to its owner, its group and one more group, and to no other user. @throws KernelError
   * EOPNOTSUPP without ACLs
   */
  admitGroup(path: string, gid: number): void;
  /** Gives the process at the other end of a connected socket. @throws KernelError */
  peer(fd: number): Peer;
  /** Whether the other end of a connected socket is closed, even if data is left to read. */
  isHungUp(fd: number): boolean;
  /**
   * Sends a datagram to a socket, as sd_notify(3) does; `socket` is a path, or `@` and an abstract name. @throws
   * KernelError EAGAIN if the socket's buffer is full
   */
  notify(socket: string, text: string): void;
}
