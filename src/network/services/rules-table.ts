import type { Logger } from 'pino';
import { isKernelError } from '../../kernel/errors.js';
import type { Kernel } from '../../kernel/kernel.js';
import { messageOf, NiwaError } from '../../protocol/errors.js';
import type { Element } from '../elements.js';
import { applyRules } from '../host.js';
import { type Abilities, ENQUEUE, removalOfServices, serviceRules } from './rules.js';

/** What the rules may use, the best first: the kernel is asked by loading them. */
const CHOICES: readonly Abilities[] = [true, false].flatMap((hasLimits) =>
  [true, false].map((hasQueue) => ({ hasQueue, hasLimits })),
);

/** The table of nftables that has the rules of services. */
export class RulesTable {
  readonly name: string;
  readonly #kernel: Pick<Kernel, 'services'>;
  readonly #log: Logger;
  /** What the kernel can do, once it is known. */
  #abilities: Abilities | null = null;

  constructor(bridge: string, kernel: Pick<Kernel, 'services'>, log: Logger) {
    this.name = `${bridge}_services`;
    this.#kernel = kernel;
    this.#log = log;
  }

  /**
   * Loads the rules with all elements of services, in place of those that are there.
   * @param queue the number of the queue
   * @throws NiwaError HOST_UNSUPPORTED where nft is missing or the kernel refuses the rules, HOST_ERROR
   */
  async load(queue: number, elements: readonly Element[]): Promise<void> {
    if (this.#abilities !== null) return await this.#apply(this.#abilities, queue, elements);
    const refusals: unknown[] = [];
    for (const abilities of CHOICES)
      try {
        await this.#apply(abilities, queue, elements);
        this.#abilities = abilities;
        if (!abilities.hasLimits)
          this.#log.warn('this kernel cannot limit rates in sets of nftables: floods of requests are not bounded');
        return;
      } catch (error) {
        if (!isRefusal(error)) throw error;
        refusals.push(error);
      }
    throw new NiwaError(
      'HOST_UNSUPPORTED',
      `this host cannot have services: ${refusals.map(messageOf).at(-1)}. The kernel needs nft_queue or the target NFQUEUE (xt_NFQUEUE with nft_compat).`,
      { cause: refusals[0] },
    );
  }

  /** Removes the rules. @throws NiwaError HOST_UNSUPPORTED, HOST_ERROR */
  async remove(): Promise<void> {
    await applyRules(removalOfServices(this.name), 'services');
  }

  async #apply(abilities: Abilities, queue: number, elements: readonly Element[]): Promise<void> {
    const options = { ...abilities, table: this.name, queue, hasLoopback6: false };
    await applyRules(serviceRules(options, elements), 'services');
    if (!abilities.hasQueue) await this.#kernel.services.addQueueRule(this.name, ENQUEUE);
  }
}

function isRefusal(error: unknown): boolean {
  return isKernelError(error) || (error instanceof NiwaError && error.code === 'HOST_UNSUPPORTED');
}
