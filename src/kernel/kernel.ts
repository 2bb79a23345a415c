import type { Births, Frames } from './births.js';
import type { Containers, ExitEvent, StoppingEvent } from './containers.js';
import type { Execs, Terminals } from './execs.js';
import type { Host } from './host.js';
import type { Keeper } from './keeper.js';
import type { Layers } from './layers.js';
import type { LogErrorEvent, Logs, OutputEvent } from './logs.js';
import type { Network } from './network.js';
import type { Readings } from './readings.js';
import type { Records } from './records.js';
import type { ServiceRelay } from './service-relay.js';
import type { Services } from './services.js';
import type { Sockets } from './sockets.js';

/** The events that the kernel's side reports by itself. */
export type KernelEvent = StoppingEvent | ExitEvent | OutputEvent | LogErrorEvent;

/**
 * Everything that niwad asks of native code, by topic. addon.ts has the real implementation. test/fake-kernel.ts has
 * one that records the calls and needs no kernel, for tests of the calls and their order. Calls that block give a
 * promise and run on a worker thread. Every failure is a KernelError.
 */
export interface Kernel {
  /**
   * Starts all threads; `listener` gets each event on the JavaScript thread. To be called once. @throws KernelError
   * EAGAIN
   */
  watch(listener: (event: KernelEvent) => void): void;
  readonly containers: Containers;
  readonly births: Births;
  readonly frames: Frames;
  readonly execs: Execs;
  readonly terminals: Terminals;
  readonly logs: Logs;
  readonly readings: Readings;
  readonly records: Records;
  readonly network: Network;
  readonly services: Services;
  readonly serviceRelay: ServiceRelay;
  readonly layers: Layers;
  readonly keeper: Keeper;
  readonly sockets: Sockets;
  readonly host: Host;
}
