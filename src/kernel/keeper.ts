/** The connection to niwa-keeper. */
export interface Keeper {
  /**
   * Connects to the keeper and tells it of every container. Gives the ids of those that it keeps and nobody has adopted.
   * @throws KernelError ETIMEDOUT or EAGAIN where it did not answer and was killed
   */
  connect(socket: string): Promise<string[]>;
  /**
   * Whether the keeper is there and keeps up; to be asked once a second. One that has not answered three times is killed, and so
   * is one that does not take what it is told.
   */
  isAlive(): boolean;
  /** Lets the keeper forget a container that it kept and nobody has adopted. */
  drop(id: string): void;
  /**
   * Lets the keeper hold a listening socket as long as it keeps containers, and 30 seconds after the end of niwad: whoever connects
   * meanwhile waits for the next one. With null it holds none any more.
   */
  hold(fd: number | null): void;
  /** Gives the socket that the keeper held for the niwad before, a descriptor that the caller owns; null where there is none. */
  held(): number | null;
}
