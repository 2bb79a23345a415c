import { isPassing } from '../../kernel/errors.js';
import type { Kernel } from '../../kernel/kernel.js';
import type { ElementChange, QueueEvent } from '../../kernel/services.js';
import { messageOf, NiwaError } from '../../protocol/errors.js';
import { MAX_QUEUE } from '../../protocol/service.js';
import { addressBytes } from '../../spec/addresses.js';
import { type Declared, type HeldAndRelayed, holds, inBytes } from './declared.js';
import type { PathState } from './service-elements.js';
import type { Destination } from './types.js';

/** Where the rules send what they cannot route. */
export interface HolderNumbers {
  /** The number of the queue; null where this kernel has none. */
  queue: number | null;
  /** The port of the relay. */
  relayPort: number;
}

export interface HoldersOptions {
  kernel: Pick<Kernel, 'services' | 'serviceRelay'>;
  /** Told when the first request is held for the service of a number. */
  onHeld: (service: number) => void;
  /** Told when the queue has been closed by the kernel. */
  onQueueLost: (errno: string) => void;
}

/**
 * The two that hold requests to services that sleep: the queue holds packets; the relay holds connections, and relays
 * their bytes later. The rules decide which of them gets a request. Calls must not overlap.
 */
export class Holders {
  readonly #options: HoldersOptions;
  readonly #queue: Kernel['services'];
  readonly #relay: Kernel['serviceRelay'];
  #numbers: HolderNumbers | null = null;
  #hadQueue = false;
  #relayPort: number | null = null;

  constructor(options: HoldersOptions) {
    this.#options = options;
    this.#queue = options.kernel.services;
    this.#relay = options.kernel.serviceRelay;
  }

  get isOpen(): boolean {
    return this.#numbers !== null;
  }

  /** Opens those that are not open. @throws NiwaError HOST_UNSUPPORTED */
  async open(): Promise<HolderNumbers> {
    if (this.#numbers !== null) return this.#numbers;
    try {
      this.#relayPort ??= await this.#relay.open(this.#options.onHeld);
      const queue = await this.#openQueue();
      this.#hadQueue = queue !== null;
      this.#numbers = { queue, relayPort: this.#relayPort };
      return this.#numbers;
    } catch (error) {
      throw new NiwaError('HOST_UNSUPPORTED', `this host cannot have services: ${messageOf(error)}`, { cause: error });
    }
  }

  async close(): Promise<void> {
    this.#numbers = null;
    this.#relayPort = null;
    await Promise.all([this.#queue.close(), this.#relay.close()]);
  }

  /** Tells both the addresses of a service, and how many of its requests they may hold. */
  tell({ number }: Declared, { path: { listen, queue } }: PathState): void {
    if (!this.isOpen) return;
    for (const holder of [this.#queue, this.#relay])
      holder.declare(number, listen.map(inBytes), Math.min(queue, MAX_QUEUE));
  }

  forget({ number }: Declared): void {
    if (this.isOpen) for (const holder of [this.#queue, this.#relay]) holder.forget(number);
  }

  /** Lets both hold the requests of a service from now on, if its state wants it: before the rules send them. */
  async prepare({ number, state }: Declared): Promise<void> {
    if (!holds(state)) return;
    await this.#queue.change(number, [], true);
    await this.#relay.change(number, [], true);
  }

  /**
   * Makes changes of sets in one transaction. Then lets go what is held for a service, unless its state holds it; gives
   * how many requests.
   * @throws KernelError; nothing is changed and nothing let go then
   */
  async change({ number, state }: Declared, changes: readonly ElementChange[] = []): Promise<number> {
    const letGo = await this.#queue.change(number, changes, holds(state));
    return letGo + (await this.#relay.change(number, state.slots.map(toTarget), holds(state)));
  }

  /** Gives what was held and relayed, by the number of the service. */
  async counts(): Promise<Map<number, HeldAndRelayed>> {
    const [queued, relayed] = await Promise.all([this.#queue.held(), this.#relay.counts()]);
    const byNumber = new Map(queued.map((one) => [one.service, one]));
    return new Map(
      relayed.map((one) => {
        const { held = 0, now = 0, full = 0 } = byNumber.get(one.service) ?? {};
        return [one.service, { ...one, held: one.held + held, now: one.now + now, full: one.full + full }];
      }),
    );
  }

  async #openQueue(): Promise<number | null> {
    try {
      return await this.#queue.open((event) => this.#hear(event));
    } catch (error) {
      if (this.#hadQueue || isPassing(error)) throw error;
      return null;
    }
  }

  #hear(event: QueueEvent): void {
    if (event.type === 'held') this.#options.onHeld(event.service);
    else {
      this.#numbers = null;
      this.#options.onQueueLost(event.errno);
    }
  }
}

function toTarget({ id, address, address6, port }: Destination) {
  return {
    id,
    address: addressBytes(address),
    address6: address6 === null ? new Uint8Array() : addressBytes(address6),
    port,
  };
}
