import type { Logger } from 'pino';
import type { Kernel } from '../kernel/kernel.js';
import { deleteLink, type NetworkStep, optional } from '../plan/network.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import { ipv6Text } from '../spec/addresses.js';
import { type Element, elementsOf } from './elements.js';
import { applyRules, applyRuleset, enableForwarding, interfaceNames } from './host.js';
import { devicePrefix, type Segment } from './lease.js';
import { addressesOf, type Leaving } from './leaving.js';
import { BridgeMark } from './mark.js';
import type { Member, Members } from './members.js';
import { removal } from './ruleset.js';
import { bridgeSteps } from './steps.js';

export interface BridgeOptions {
  segment: Segment;
  /** The file that has the name of the bridge, as long as the bridge exists. */
  markFile: string;
  log: Logger;
  kernel: Pick<Kernel, 'network'>;
}

/**
 * The bridge on the host, and its rules. It is made for the first member, and removed when niwad ends and it has no
 * members.
 */
export class Bridge {
  readonly #options: BridgeOptions;
  readonly #mark: BridgeMark;
  readonly #members: Members;
  readonly #leaving: Leaving;
  #made: Promise<void> | null = null;

  constructor(options: BridgeOptions, members: Members, leaving: Leaving) {
    this.#options = options;
    this.#mark = new BridgeMark(options.markFile, options.segment.bridge, options.log);
    this.#members = members;
    this.#leaving = leaving;
  }

  /** Says whether the interface of the bridge does not exist, so that {@link make} has to make it. */
  get isMissing(): boolean {
    return this.#made === null && !interfaceNames().includes(this.#options.segment.bridge);
  }

  /**
   * Makes the bridge and loads its rules. This is done once; after a failure, the next call tries again.
   * @throws NiwaError HOST_UNSUPPORTED, HOST_ERROR
   */
  make(): Promise<void> {
    this.#made ??= this.#makeNow().catch((error: unknown) => {
      this.#made = null;
      throw error;
    });
    return this.#made;
  }

  /**
   * Takes over the bridge of an earlier niwad: loads the rules for its members anew, and deletes the interfaces of
   * containers that are no members. Where there is no bridge, nothing is done; where the bridge has no members, it is
   * removed.
   * @throws NiwaError HOST_UNSUPPORTED, HOST_ERROR
   */
  async renew(): Promise<void> {
    const marked = this.#mark.read();
    if (marked === null) return;
    const members = this.#members.all();
    await Promise.all(members.map(({ attaching }) => attaching));
    const kept = new Set(members.map(({ lease }) => lease.device));
    const stale = interfaceNames().filter((name) => name.startsWith(devicePrefix(marked)) && !kept.has(name));
    await this.tryTo(stale.map(deleteLink).map(optional), { stale }, 'interfaces of an earlier niwad stay');
    if (this.#members.isEmpty) await this.#remove(marked);
    else await this.make();
  }

  /**
   * Loads the rules again, with the elements of all containers that are connected. Where there is no bridge, nothing is
   * done.
   * @throws NiwaError HOST_UNSUPPORTED, HOST_ERROR
   */
  async restore(): Promise<void> {
    if (this.#made === null) return;
    await this.#made;
    const { segment, log } = this.#options;
    await applyRuleset(segment, elementsOfAll(this.#connected()), log);
    log.warn({ bridge: segment.bridge }, 'the rules of the bridge were gone, and are there again');
  }

  /** Removes the bridge, if it has no members. */
  async removeUnused(): Promise<void> {
    const marked = this.#mark.read();
    if (this.#members.isEmpty && marked !== null) await this.#remove(marked);
  }

  /** Runs steps on the host. A failure is logged with the given words, and not thrown. */
  async tryTo(steps: readonly NetworkStep[], details: object, words: string): Promise<void> {
    try {
      await this.#options.kernel.network.configure(0, steps);
    } catch (error) {
      this.#options.log.error({ ...details, err: error }, words);
    }
  }

  async #makeNow(): Promise<void> {
    const { segment, log, kernel } = this.#options;
    const { bridge } = segment;
    const exists = interfaceNames().includes(bridge);
    if (exists && this.#mark.read() !== bridge)
      throw new NiwaError(
        'HOST_ERROR',
        `this host has an interface ${bridge} that is not niwad's: name another one as network.bridge in niwad's configuration`,
      );
    this.#mark.write(bridge);
    await applyRuleset(segment, exists ? elementsOfAll(this.#members.all()) : [], log);
    await this.#forgetConnections();
    if (!exists) await kernel.network.configure(0, bridgeSteps(segment));
    enableForwarding(segment, log);
    log.info({ bridge, subnet: segment.subnetText }, 'containers can be bridged');
  }

  /**
   * Lets the kernel forget the connections of containers that an earlier niwad had: all connections with addresses of
   * the subnet but those of connected members. Else the next container with such an address would get packets of these
   * connections.
   */
  async #forgetConnections(): Promise<void> {
    const { subnetText, subnet6 } = this.#options.segment;
    const of = [subnetText, ...(subnet6 === null ? [] : [`${ipv6Text(subnet6)}/64`])];
    await this.#leaving.forgetFlows({ of, but: this.#connected().flatMap(({ lease }) => addressesOf(lease)) });
  }

  #connected(): Member[] {
    return this.#members.all().filter(({ attaching }) => attaching !== null);
  }

  async #remove(bridge: string): Promise<void> {
    this.#made = null;
    await this.tryTo([optional(deleteLink(bridge))], { bridge }, 'the bridge stays');
    try {
      await applyRules(removal(bridge));
      this.#mark.remove();
    } catch (error) {
      this.#options.log.error({ err: error }, messageOf(error));
    }
  }
}

function elementsOfAll(members: readonly Member[]): Element[] {
  return members.flatMap(({ lease, network, group }) => elementsOf(lease, network, group));
}
