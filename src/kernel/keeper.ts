/** The connection to niwa-keeper. */
export interface Keeper {
  /**
   * Connects to the keeper and hands all containers over to it. Gives the ids of the containers that the keeper watches
   * and no niwad has adopted.
   * @throws KernelError ETIMEDOUT or EAGAIN if the keeper did not answer and was killed
   */
  connect(socket: string): Promise<string[]>;
  /**
   * Whether the keeper is alive and follows; to be called once a second. A keeper that has not answered three times is
   * killed, and so is a keeper that does not read its messages.
   */
  isAlive(): boolean;
  /** Makes the keeper forget a container that it watches and no niwad has adopted. */
  drop(id: string): void;
  /**
   * Gives the keeper a listening socket. The keeper holds it as long as it watches containers, and for 30 seconds after
   * the end of niwad: clients that connect in that time wait for the next niwad. Null makes the keeper close the
   * socket.
   */
  hold(fd: number | null): void;
  /**
   * Gives the socket that the keeper held for the earlier niwad, a descriptor that the caller owns; null if there is
   * none.
   */
  held(): number | null;
}
