import { randomInt } from 'node:crypto';
import { NiwaError } from '../protocol/errors.js';
import type { PublishedPort, Spec } from '../protocol/resolved-spec.js';
import { ANY_PORT } from '../spec/network.js';

/** The ports of the host that niwad chooses from; the kernel chooses from the same ones for its own connections. */
const FIRST = 32_768;
const COUNT = 28_232;
/** How many ports are tried for one published port: so many in a row are hardly ever in use. */
const TRIES = 256;

/**
 * Chooses ports of the host for published ports that name none. Each port is chosen once in a round, so that two
 * containers that are made at the same time get different ones.
 */
export class FreePorts {
  readonly #requireFree: (port: PublishedPort) => Promise<void>;
  #next = randomInt(COUNT);

  /** @param requireFree throws NiwaError ADDRESS_IN_USE where a port of the host is in use */
  constructor(requireFree: (port: PublishedPort) => Promise<void>) {
    this.#requireFree = requireFree;
  }

  /**
   * Gives the spec with a port of the host for each published port.
   * @throws NiwaError ADDRESS_IN_USE where no free port was found; what `requireFree` throws beside it
   */
  async choose(spec: Spec): Promise<Spec> {
    const { network } = spec;
    if (network === null || network.ports.every(({ host }) => host !== ANY_PORT)) return spec;
    const named = new Set(network.ports.map(({ host }) => host));
    const ports: PublishedPort[] = [];
    for (const port of network.ports) ports.push(port.host === ANY_PORT ? await this.#free(port, named) : port);
    return { ...spec, network: { ...network, ports } };
  }

  async #free(port: PublishedPort, named: ReadonlySet<number>): Promise<PublishedPort> {
    for (let i = 0; i < TRIES; i++) {
      this.#next = (this.#next + 1) % COUNT;
      const chosen = { ...port, host: FIRST + this.#next };
      if (!named.has(chosen.host) && (await this.#isFree(chosen))) return chosen;
    }
    throw new NiwaError('ADDRESS_IN_USE', `no free port of the host was found for port ${port.container}: name one`);
  }

  async #isFree(port: PublishedPort): Promise<boolean> {
    try {
      await this.#requireFree(port);
      return true;
    } catch (error) {
      if (error instanceof NiwaError && error.code === 'ADDRESS_IN_USE') return false;
      throw error;
    }
  }
}
