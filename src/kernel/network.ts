import type { NetworkStep } from '../plan/network.js';
import type { Handle } from './containers.js';

/** Acts on the network of the host and of containers. */
export interface Network {
  /**
   * Runs steps of the network, up to the first that fails and is not optional. Those inside are for the container behind the
   * handle, which is 0 where there are none. The step `count` gives it the figures `network:` of a reading, and keeps its network
   * namespace until it is released.
   * @throws KernelError with the step
   */
  configure(handle: Handle, steps: readonly NetworkStep[]): Promise<void>;
  /**
   * Lets the kernel forget the connections that somebody began or answers (nf_conntrack).
   * @param owners addresses and subnets, such as "10.0.0.5" or "10.0.0.0/16", and addresses that are not meant
   * @throws KernelError EINVAL where the kernel has no ctnetlink, and cannot be told
   */
  forgetFlows(owners: { of: readonly string[]; but: readonly string[] }): Promise<void>;
  /**
   * Connects to a TCP port of the loopback interface in a container's network namespace. Gives a descriptor that the caller
   * owns.
   * @throws KernelError ECONNREFUSED where nobody listens
   */
  connectIn(handle: Handle, port: number): Promise<number>;
}
