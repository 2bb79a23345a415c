import type { Caller } from '../access/allowed.js';
import type { ApplyAnswer, HistoryEntry, PortHolder, ServiceStatus, WakeAnswer } from '../protocol/services.js';

/** How a service is applied: `dryRun` only tells what would change; `now` replaces at once the instances that serve. */
export interface ApplyOptions {
  dryRun: boolean;
  now: boolean;
}

/** What the API asks of the services of a node. */
export interface ServicesInterface {
  /**
   * Makes a service what is wanted: creates it, changes what differs, or does nothing.
   * @param name has to be the name in the input, if the input has one
   * @throws NiwaError SPEC_INVALID, FORBIDDEN, HOST_UNSUPPORTED, ADDRESS_IN_USE, NOT_FOUND for an image, HOST_ERROR
   */
  apply(caller: Caller, name: string, input: unknown, options: ApplyOptions): Promise<ApplyAnswer>;
  list(): ServiceStatus[];
  /** @throws NiwaError NOT_FOUND */
  get(name: string): ServiceStatus;
  /** Closes the addresses of a service, and drains and ends its instances. @throws NiwaError FORBIDDEN, NOT_FOUND */
  remove(caller: Caller, name: string): Promise<void>;
  /**
   * Wakes a service as a request would; the answer comes when an instance is routed.
   * @param signal aborted when the caller has gone
   * @throws NiwaError FORBIDDEN, NOT_FOUND, DRAINING; START_FAILED where the start fails, the service waits for its
   *   backoff, or wake.timeout is over; STATE_CONFLICT where it is held at zero
   */
  wake(caller: Caller, name: string, signal: AbortSignal): Promise<WakeAnswer>;
  /**
   * Holds a number of instances; null lets load decide again.
   * @throws NiwaError FORBIDDEN, NOT_FOUND, SPEC_INVALID for more than its slots
   */
  scale(caller: Caller, name: string, instances: number | null): Promise<ServiceStatus>;
  /** The decisions of the last hours, the oldest first. @throws NiwaError NOT_FOUND */
  history(name: string): HistoryEntry[];
  /** The ids of the containers of a service, also of those that have ended and are kept. @throws NiwaError NOT_FOUND */
  instancesOf(name: string): string[];
  /** The ports of the node that services and containers hold, the lowest first. */
  addresses(): PortHolder[];
}
