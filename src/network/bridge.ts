import type { Logger } from 'pino';
import { messageOf, NiwaError } from '../errors.js';
import type { Kernel } from '../kernel/kernel.js';
import { deleteLink, type NetworkStep, optional } from '../plan/network.js';
import { ipv6Text } from './addresses.js';
import { elementsOf } from './elements.js';
import { applyRules, applyRuleset, enableForwarding, interfaceNames } from './host.js';
import { devicePrefix, type Segment } from './lease.js';
import { addressesOf, type Leaving } from './leaving.js';
import { BridgeMark } from './mark.js';
import type { Members } from './members.js';
import { removal } from './ruleset.js';
import { bridgeSteps } from './steps.js';

export interface BridgeOptions {
  segment: Segment;
  /** Names the bridge as long as there is one. */
  markFile: string;
  log: Logger;
  kernel: Pick<Kernel, 'network'>;
}

/** The bridge on the host, with its rules: made for the first member, removed when there is none at the end of niwad. */
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

  /** Whether {@link make} would make an interface. */
  get isMissing(): boolean {
    return this.#made === null && !interfaceNames().includes(this.#options.segment.bridge);
  }

  /**
   * Makes the bridge and loads its rules, once; where that failed, the next call tries again.
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
   * Renews the bridge of an earlier niwad with the rules for the members, and deletes the interfaces of containers that are none.
   * Without a bridge nothing happens, without members it is removed.
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

  /** Removes the bridge where it has no members. */
  async removeUnused(): Promise<void> {
    const marked = this.#mark.read();
    if (this.#members.isEmpty && marked !== null) await this.#remove(marked);
  }

  /** Runs steps on the host; a failure is logged with these words. */
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
    const elements = this.#members.all().flatMap(({ lease, network, group }) => elementsOf(lease, network, group));
    await applyRuleset(segment, exists ? elements : [], log);
    await this.#forgetConnections();
    if (!exists) await kernel.network.configure(0, bridgeSteps(segment));
    enableForwarding(segment, log);
    log.info({ bridge, subnet: segment.subnetText }, 'containers can be bridged');
  }

  /**
   * Lets the kernel forget all connections with addresses of the subnet but those of connected members: containers of an earlier
   * niwad had them, and the next holder of the address would get their packets.
   */
  async #forgetConnections(): Promise<void> {
    const { subnetText, subnet6 } = this.#options.segment;
    const connected = this.#members.all().filter(({ attaching }) => attaching !== null);
    const of = [subnetText, ...(subnet6 === null ? [] : [`${ipv6Text(subnet6)}/64`])];
    await this.#leaving.forgetFlows({ of, but: connected.flatMap(({ lease }) => addressesOf(lease)) });
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
