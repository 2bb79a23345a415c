import type { Logger } from 'pino';
import { isKernelError } from '../../kernel/errors.js';
import type { Kernel } from '../../kernel/kernel.js';
import { encodeElement } from '../elements.js';
import type { Declared } from './declared.js';
import { Holders } from './holders.js';
import { RulesTable } from './rules-table.js';
import { changesOf, elementsOfService, type PathState } from './service-elements.js';

export interface PathKernelOptions {
  bridge: string;
  kernel: Pick<Kernel, 'services' | 'serviceRelay'>;
  log: Logger;
  /** Told when the first request is held for the service of a number. */
  onHeld: (service: number) => void;
  /** Told when the queue has been closed by the kernel. */
  onQueueLost: () => void;
}

/** Keeps the rules of the kernel, and what holds requests, as the states of services are. Calls must not overlap. */
export class PathKernel {
  readonly table: RulesTable;
  readonly holders: Holders;
  #isLoaded = false;

  constructor({ bridge, kernel, log, onHeld, onQueueLost }: PathKernelOptions) {
    this.table = new RulesTable(bridge, kernel, log);
    this.holders = new Holders({
      kernel,
      onHeld,
      onQueueLost: (errno) => {
        log.error({ errno }, 'the queue of requests to services is closed: it is opened anew');
        onQueueLost();
      },
    });
  }

  /** Whether the rules were loaded, and what holds requests is open. */
  get isReady(): boolean {
    return this.#isLoaded && this.holders.isOpen;
  }

  /**
   * Brings a service from its state to the next one, in one transaction; then lets go what is held, unless the service
   * holds. Gives how many requests were let go.
   * @param all all services, which are loaded where the rules are not those that we know
   * @throws NiwaError HOST_UNSUPPORTED, HOST_ERROR; the service keeps its state then
   */
  async change(declared: Declared, next: PathState, all: readonly Declared[]): Promise<number> {
    const before = declared.state;
    declared.state = next;
    try {
      return await this.#tryToChange(declared, before, all);
    } catch (error) {
      declared.state = before;
      await this.holders.change(declared).catch(() => {}); // they hold again what they held before
      throw error;
    }
  }

  async #tryToChange(declared: Declared, before: PathState, all: readonly Declared[]): Promise<number> {
    if (!this.isReady) return await this.load(all, declared);
    const changes = changesOf(before, declared.state);
    const encoded = changes.map(({ element, add }) => ({ element: encodeElement(this.table.name, element), add }));
    try {
      await this.holders.prepare(declared);
      return await this.holders.change(declared, encoded);
    } catch (error) {
      if (!isKernelError(error, 'ENOENT', 'EEXIST')) throw error;
      return await this.load(all, declared);
    }
  }

  /**
   * Loads the rules with all services. Gives how many requests to the service `of` were let go.
   * @throws NiwaError HOST_UNSUPPORTED, HOST_ERROR
   */
  async load(all: readonly Declared[], of?: Declared): Promise<number> {
    this.#isLoaded = false;
    const numbers = await this.holders.open();
    for (const declared of all) {
      this.holders.tell(declared, declared.state);
      await this.holders.prepare(declared);
    }
    await this.table.load(
      numbers,
      all.flatMap(({ state }) => elementsOfService(state)),
    );
    this.#isLoaded = true;
    let letGo = 0;
    for (const declared of all) {
      const many = await this.holders.change(declared);
      if (declared === of) letGo = many;
    }
    return letGo;
  }

  /** Closes what holds. The rules stay. */
  async close(): Promise<void> {
    await this.holders.close();
  }
}
