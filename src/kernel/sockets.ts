/** Who is at the other end of a socket. */
export interface Peer {
  pid: number;
  uid: number;
  /** The primary group first, then the supplementary ones. */
  groups: number[];
}

/** Unix sockets. */
export interface Sockets {
  /** Makes a stream socket that listens at a path where nothing is. Gives a descriptor that the caller owns. @throws KernelError */
  listenAt(path: string, backlog: number): number;
  /** Lets owner, owning group and one more group use a file, and nobody else. @throws KernelError EOPNOTSUPP without ACLs */
  admitGroup(path: string, gid: number): void;
  /** Gives who is behind a connected socket. @throws KernelError */
  peer(fd: number): Peer;
  /** Whether the other end of a connected socket is closed, be it that there is more to read. */
  isHungUp(fd: number): boolean;
  /** Sends a datagram to a socket, a path or `@` and an abstract name, as sd_notify(3) does. @throws KernelError EAGAIN where it is full */
  notify(socket: string, text: string): void;
}
