import type { NetworkStep } from '../plan/network.js';
import type { Handle } from './containers.js';

/** Changes the network of the host and of containers. */
export interface Network {
  /**
   * Runs steps of the network one after another, and stops at the first failure of a step that is not optional. Steps
   * inside a container are for the container of the handle; the handle is 0 if there are none. The step `count` adds
   * the figures `network:` to the container's readings, and keeps the network namespace open until the container is
   * released.
   * @throws KernelError with the failed step
   */
  configure(handle: Handle, steps: readonly NetworkStep[]): Promise<void>;
  /**
   * Makes the kernel forget the tracked connections (nf_conntrack) that some addresses have begun or answer.
   * @param owners `of`: addresses and subnets, such as "10.0.0.5" or "10.0.0.0/16"; `but`: addresses that are left out
   * @throws KernelError EINVAL if the kernel has no ctnetlink, and so cannot be asked
   */
  forgetFlows(owners: { of: readonly string[]; but: readonly string[] }): Promise<void>;
  /**
   * Connects to a TCP port of the loopback interface in a container's network namespace. Gives a descriptor that the
   * caller owns.
   * @throws KernelError ECONNREFUSED if no process listens there
   */
  connectIn(handle: Handle, port: number): Promise<number>;
  /**
   * Calls `lost` whenever a table of nftables was deleted and is missing afterwards, as after `nft flush ruleset`; also
   * where niwad itself has deleted it.
   * @param family the number of the table's family, NFPROTO_*
   */
  watchTable(family: number, table: string, lost: () => void): void;
}
