import type { Logger } from 'pino';
import { Sampler } from '../accounting/sampler.js';
import type { Books } from '../engine/books.js';
import type { Container } from '../engine/container.js';
import type { Meter } from '../engine/meter.js';
import type { Kernel } from '../kernel/kernel.js';
import { messageOf } from '../protocol/errors.js';
import { connectKeeper } from './connect-keeper.js';
import type { ContainerHooks } from './container-hooks.js';
import type { Registry } from './registry.js';

const INTERVAL_MS = 1000;

export interface TendingOptions {
  registry: Registry;
  books: Books;
  containerHooks: ContainerHooks;
  /** The path of the keeper's socket. */
  keeperSocket: string;
  sampleIntervalMs: number;
  kernel: Pick<Kernel, 'keeper' | 'readings' | 'host'>;
  log: Logger;
}

/**
 * The periodic work: takes readings, saves states that wait, writes interim records of running containers, starts a
 * keeper if the old one is gone.
 */
export class Tending {
  readonly #options: TendingOptions;
  readonly #sampler: Sampler;
  readonly #timer: NodeJS.Timeout;
  #connecting = false;

  constructor(options: TendingOptions) {
    this.#options = options;
    this.#sampler = new Sampler(options.sampleIntervalMs, metersOf(options.registry), options.kernel);
    this.#timer = setInterval(() => void this.#tend(), INTERVAL_MS);
  }

  stop(): void {
    this.#sampler.stop();
    clearInterval(this.#timer);
  }

  async #tend(): Promise<void> {
    const { registry, books, containerHooks, keeperSocket, kernel, log } = this.#options;
    books.writeWhatIsDue(registry.live());
    containerHooks.setHeard();
    if (kernel.keeper.isAlive() || this.#connecting) return;
    log.warn('the keeper is gone, or hangs: starting another');
    this.#connecting = true;
    try {
      // this niwad has adopted all of its containers, so the id is of none of them
      for (const id of await connectKeeper(kernel, keeperSocket)) kernel.keeper.drop(id);
    } catch (error) {
      log.error({ err: error }, messageOf(error));
    }
    this.#connecting = false;
  }
}

/** Gives the meters of the live containers: the same array as long as these are the same. */
function metersOf(registry: Registry): () => readonly Meter[] {
  let [live, meters]: [readonly Container[], readonly Meter[]] = [[], []];
  return () => {
    if (live === registry.live()) return meters;
    live = registry.live();
    meters = live.map(({ meter }) => meter);
    return meters;
  };
}
