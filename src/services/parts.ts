import type { Logger } from 'pino';
import type { Allowed } from '../access/allowed.js';
import type { Membership } from '../access/membership.js';
import type { Runtime } from '../containers/runtime.js';
import type { Container } from '../engine/container.js';
import type { Destination, Paths } from '../network/services/types.js';
import type { Stocks } from '../pools/stocks.js';
import type { Service } from '../protocol/resolved-service.js';
import type { Asking } from './answer.js';
import type { MarkFiles } from './marks.js';
import type { ServiceStore } from './store.js';

/** The operations on containers that services use. */
export type Containers = Pick<
  Runtime,
  | ('run' | 'stop' | 'pause' | 'resume' | 'remove' | 'plan')
  | ('list' | 'get' | 'has' | 'isDraining' | 'subscribe' | 'onDeath' | 'tell' | 'policy' | 'checkOf' | 'hintForMissing')
>;

/** The parts of the daemon that services use. */
export interface ServiceParts {
  containers: Containers;
  /** What is made ahead for services and pools. */
  stocks: Stocks;
  paths: Paths;
  store: ServiceStore;
  marks: MarkFiles;
  /** Gives how many connections to a port of a container are established. */
  connectionsOf(container: Container, port: number): Promise<number>;
  /** Lets the kernel forget all connections of addresses of containers. Throws the errors of the kernel. */
  forgetFlows(addresses: readonly string[]): Promise<void>;
  /**
   * Waits until an instance answers over the way that requests take; gives false where `signal` was aborted before.
   */
  answers(
    service: Service,
    to: Destination,
    container: Container,
    signal: AbortSignal,
    asking: Asking,
  ): Promise<boolean>;
  /** Gives the image that has a name now; null where there is none. */
  imageId(name: string): string | null;
  /** Whether cpu.stat tells throttled periods on this host. */
  hasCpuController: boolean;
  /** The memory of this machine. */
  memoryBytes: number;
  /** The limits on callers other than root. */
  allowed: Allowed;
  /** Who may act by niwad's `group`. */
  membership: Membership;
  /** Forgets a service, if it was removed and has no instance any more. It waits for operations that are under way. */
  finish(name: string): Promise<void>;
  /** Now in microseconds of CLOCK_BOOTTIME. */
  clock(): number;
  log: Logger;
}
