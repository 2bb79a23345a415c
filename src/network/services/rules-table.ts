import type { Logger } from 'pino';
import { isKernelError, isPassing } from '../../kernel/errors.js';
import type { Kernel } from '../../kernel/kernel.js';
import { NiwaError } from '../../protocol/errors.js';
import { HAS_NO_QUEUE } from '../../test-hooks/no-queue.js';
import type { Element } from '../elements.js';
import { applyRules } from '../host.js';
import type { HolderNumbers } from './holders.js';
import { type Abilities, ENQUEUE, removalOfServices, serviceRules } from './rules.js';

/** What the rules may use, the best first: the kernel is asked by loading them. */
const CHOICES: readonly Abilities[] = (['queue', 'target', 'relay'] as const).flatMap((holder) =>
  [true, false].map((hasLimits) => ({ holder, hasLimits })),
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

  /** Whether the relay holds the requests to services that sleep, since there is no queue. */
  get isRelayed(): boolean {
    return this.#abilities?.holder === 'relay';
  }

  /**
   * Loads the rules with all elements of services, in place of those that are there.
   * @throws NiwaError HOST_UNSUPPORTED where nft is missing or the kernel refuses the rules, HOST_ERROR
   */
  async load(numbers: HolderNumbers, elements: readonly Element[]): Promise<void> {
    if (this.#abilities !== null) return await this.#apply(this.#abilities, numbers, elements);
    const choices = CHOICES.filter(({ holder }) => holder === 'relay' || (numbers.queue !== null && !HAS_NO_QUEUE));
    const refusals: unknown[] = [];
    for (const abilities of choices)
      try {
        await this.#apply(abilities, numbers, elements);
        this.#abilities = abilities;
        this.#warn(abilities);
        return;
      } catch (error) {
        if (!isRefusal(error)) throw error;
        refusals.push(error);
      }
    throw refusals.at(-1);
  }

  /** Removes the rules. @throws NiwaError HOST_UNSUPPORTED, HOST_ERROR */
  async remove(): Promise<void> {
    await applyRules(removalOfServices(this.name), 'services');
  }

  async #apply(abilities: Abilities, numbers: HolderNumbers, elements: readonly Element[]): Promise<void> {
    await applyRules(serviceRules({ ...abilities, ...numbers, table: this.name }, elements), 'services');
    if (abilities.holder === 'target') await this.#kernel.services.addQueueRule(this.name, ENQUEUE);
  }

  #warn({ holder, hasLimits }: Abilities): void {
    if (holder === 'relay')
      this.#log.warn(
        'this kernel has no queue for packets (nft_queue, or NFQUEUE): niwad itself accepts the connections that wake services, and relays them',
      );
    if (!hasLimits)
      this.#log.warn('this kernel cannot limit rates in sets of nftables: floods of requests are not bounded');
  }
}

/** Whether the kernel cannot do it at all. What fails at this moment alone is tried again with the next load. */
function isRefusal(error: unknown): boolean {
  if (isKernelError(error)) return !isPassing(error);
  return error instanceof NiwaError && error.code === 'HOST_UNSUPPORTED';
}
