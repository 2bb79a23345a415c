import type { Logger } from 'pino';
import { isKernelError } from '../../kernel/errors.js';
import type { Kernel } from '../../kernel/kernel.js';
import type { QueueEvent } from '../../kernel/services.js';
import { messageOf, NiwaError } from '../../protocol/errors.js';
import { MAX_QUEUE } from '../../protocol/service.js';
import { encodeElement } from '../elements.js';
import { type Declared, holds, inBytes } from './declared.js';
import { RulesTable } from './rules-table.js';
import { difference, elementsOfService, type PathState } from './service-elements.js';

export interface PathKernelOptions {
  bridge: string;
  kernel: Pick<Kernel, 'services'>;
  log: Logger;
  /** Told when the first request is held for the service of a number. */
  onHeld: (service: number) => void;
  /** Told when the queue has been closed by the kernel. */
  onQueueLost: () => void;
}

/** Keeps the rules and the queue of the kernel as the states of services are. Its calls must not overlap. */
export class PathKernel {
  readonly table: RulesTable;
  readonly #options: PathKernelOptions;
  readonly #services: Kernel['services'];
  /** The number of the queue; null while there is none. */
  #queue: number | null = null;

  constructor(options: PathKernelOptions) {
    this.#options = options;
    this.#services = options.kernel.services;
    this.table = new RulesTable(options.bridge, options.kernel, options.log);
  }

  /** Tells the queue the addresses of a service, and how many of its packets it may hold. */
  tell({ number }: Declared, { path: { listen, queue } }: PathState): void {
    if (this.#queue !== null) this.#services.declare(number, listen.map(inBytes), Math.min(queue, MAX_QUEUE));
  }

  /** Lets the queue forget a service. */
  forget({ number }: Declared): void {
    if (this.#queue !== null) this.#services.forget(number);
  }

  /**
   * Brings a service from its state to the next one, in one transaction; then lets go what is held, unless the service
   * holds. Gives how many packets were let go.
   * @param all all services, which are loaded where the rules are not those that we know
   * @throws NiwaError HOST_UNSUPPORTED, HOST_ERROR; the service keeps its state then
   */
  async change(declared: Declared, next: PathState, all: readonly Declared[]): Promise<number> {
    const before = declared.state;
    declared.state = next;
    try {
      if (this.#queue === null) return await this.load(all, declared);
      const changes = difference(elementsOfService(before), elementsOfService(next)).map(({ element, add }) => ({
        element: encodeElement(this.table.name, element),
        add,
      }));
      return await this.#services.change(declared.number, changes, holds(next));
    } catch (error) {
      if (isKernelError(error, 'ENOENT', 'EEXIST')) return await this.load(all, declared);
      declared.state = before;
      throw error;
    }
  }

  /**
   * Loads the rules with all services, and takes a queue where there is none. Gives how many packets of the service
   * `of` were let go.
   * @throws NiwaError HOST_UNSUPPORTED, HOST_ERROR
   */
  async load(all: readonly Declared[], of?: Declared): Promise<number> {
    this.#queue ??= await this.#openQueue();
    // Packets are queued from the moment at which the rules are there: before, the queue has to know what to do then.
    for (const declared of all) {
      this.tell(declared, declared.state);
      if (holds(declared.state)) await this.#services.change(declared.number, [], true);
    }
    await this.table.load(
      this.#queue,
      all.flatMap(({ state }) => elementsOfService(state)),
    );
    let letGo = 0;
    for (const declared of all) {
      const many = await this.#services.change(declared.number, [], holds(declared.state));
      if (declared === of) letGo = many;
    }
    return letGo;
  }

  /** Closes the queue. The rules stay. */
  async close(): Promise<void> {
    this.#queue = null;
    await this.#services.close();
  }

  async #openQueue(): Promise<number> {
    try {
      return await this.#services.open((event) => this.#hear(event));
    } catch (error) {
      throw new NiwaError(
        'HOST_UNSUPPORTED',
        `this host cannot have services: ${messageOf(error)}. The kernel needs nfnetlink_queue (CONFIG_NETFILTER_NETLINK_QUEUE).`,
        { cause: error },
      );
    }
  }

  #hear(event: QueueEvent): void {
    if (event.type === 'held') {
      this.#options.onHeld(event.service);
      return;
    }
    this.#options.log.error({ errno: event.errno }, 'the queue of requests to services is closed: it is opened anew');
    this.#queue = null;
    this.#options.onQueueLost();
  }
}
