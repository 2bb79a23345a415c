import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Logger } from 'pino';
import type { Handle } from '../kernel/containers.js';
import type { Kernel } from '../kernel/kernel.js';
import { count, type NetworkStep } from '../plan/network.js';
import { messageOf } from '../protocol/errors.js';
import type { Spec } from '../protocol/resolved-spec.js';
import { ipv4Number, sizeOf } from '../spec/addresses.js';
import { Bridge } from './bridge.js';
import { FAMILY } from './elements.js';
import { fileNames, hasPlainHosts, localhostLines, networkFiles } from './files.js';
import { FreePorts } from './free-ports.js';
import { GroupNames } from './group-names.js';
import { addressesInside, requireFreePort, requireFreeSubnet, segmentHere } from './host.js';
import { type Lease, leaseOf, type NetworkSettings, type Segment } from './lease.js';
import { Leaving } from './leaving.js';
import { type Member, Members } from './members.js';
import { hostnameOf } from './own-files.js';
import { RuleChanges } from './rule-changes.js';
import { ServiceAddresses } from './services/addresses.js';
import { detachSteps } from './steps.js';

export interface NetworksOptions {
  settings: NetworkSettings;
  /** The file that has the name of the bridge, as long as the bridge exists. */
  markFile: string;
  /** The directory that has the hosts files of groups. */
  groupsDirectory: string;
  log: Logger;
  kernel: Pick<Kernel, 'network'>;
}

const RETRY_MS = 1000;

/** Connects containers to the bridge of a niwad, and disconnects them. */
export class Networks {
  readonly segment: Segment;
  readonly members: Members;
  readonly serviceAddresses = new ServiceAddresses();
  readonly freePorts = new FreePorts(async (port) => {
    this.members.requireUnpublished([port]);
    await requireFreePort(port);
  });
  readonly #kernel: Pick<Kernel, 'network'>;
  readonly #log: Logger;
  readonly #leaving: Leaving;
  readonly #bridge: Bridge;
  readonly #names: GroupNames;
  readonly #changes = new RuleChanges();
  #setOpened: () => void = () => {};
  /**
   * Resolves when the rules were loaded with the elements of all members. No element may be removed before: the load
   * would add it again.
   */
  readonly #opened = new Promise<void>((resolve) => {
    this.#setOpened = resolve;
  });

  constructor({ settings, markFile, groupsDirectory, log, kernel }: NetworksOptions) {
    this.segment = segmentHere(settings);
    this.members = new Members(this.segment, this.serviceAddresses);
    this.#kernel = kernel;
    this.#log = log;
    this.#names = new GroupNames(groupsDirectory, log);
    this.#leaving = new Leaving(kernel, log, (lease) => this.members.free(lease));
    this.#bridge = new Bridge({ segment: this.segment, markFile, log, kernel }, this.members, this.#leaving);
  }

  /**
   * Gives a new container its address, and makes the bridge where that is missing; gives null where the spec asks for
   * no network.
   * @throws NiwaError ADDRESS_IN_USE, SPEC_INVALID, HOST_UNSUPPORTED, HOST_ERROR; nothing is taken then
   */
  async take({ id, network }: Spec): Promise<Lease | null> {
    if (network === null) return null;
    // a container that had it may have ended just now
    if (!this.members.hasAddress(network.address)) await this.#leaving.flush();
    const { lease } = this.members.take(id, network);
    try {
      for (const port of network.ports) await requireFreePort(port);
      if (this.#bridge.isMissing) requireFreeSubnet(this.segment);
      await this.#bridge.make();
    } catch (error) {
      this.forget(id);
      throw error;
    }
    return lease;
  }

  /** Undoes {@link take} for a container that could not be made. */
  forget(id: string): void {
    const member = this.members.remove(id);
    if (member === undefined) return;
    this.members.free(member.lease);
    void this.#leaveGroup(id, member);
  }

  /**
   * Writes the files of a member of the bridge into its directory; those of others are {@link ownFiles}.
   * @throws what node:fs throws
   */
  writeFiles(spec: Spec, lease: Lease | null, directory: string): void {
    const { id, network } = spec;
    if (network === null) return;
    const files = networkFiles({ hostname: hostnameOf(spec), network, lease });
    const { group } = network;
    for (const name of fileNames(spec)) {
      const file = join(directory, name);
      if (name !== 'hosts' || group === null) writeFileSync(file, files[name], { mode: 0o644 });
      else {
        const isPlain = hasPlainHosts(spec);
        this.#names.makeFile(group, id, { file, own: isPlain ? localhostLines() : files.hosts, isPlain });
      }
    }
  }

  /** Takes over the hosts file of a container that an earlier niwad had connected, see {@link adopt}. */
  adoptFiles({ id, network }: Spec, lease: Lease | null, directory: string): void {
    const group = network?.group ?? null;
    if (group !== null && lease !== null) this.#names.adopt(group, { id, file: join(directory, 'hosts'), lease });
  }

  /**
   * Connects a container that waits for its start.
   * @param steps the network steps of its plan
   * @throws KernelError with the index of the step
   */
  async attach({ id, handle }: { id: string; handle: Handle }, steps: readonly NetworkStep[]): Promise<void> {
    const member = this.members.get(id);
    if (member === undefined) return;
    await this.#changes.change(async () => {
      const attaching = this.#kernel.network.configure(handle, steps);
      member.attaching = attaching.catch(() => {});
      await attaching;
    });
    const { group } = member.network;
    if (group !== null) await this.#names.join(group, id, member.lease);
  }

  async #leaveGroup(id: string, { network: { group } }: Member): Promise<void> {
    if (group !== null) await this.#names.leave(group, id);
  }

  /** Takes back everything that a container has on the network, whether it was connected or only had its address. */
  release(id: string): Promise<void> | void {
    const member = this.members.get(id);
    if (member === undefined) return;
    if (member.attaching !== null) return this.detach(id);
    this.forget(id);
  }

  /** Disconnects a container that has ended, and ends its membership. */
  async detach(id: string): Promise<void> {
    const member = this.members.get(id);
    if (member === undefined) return;
    const { lease, network, group, attaching } = member;
    await this.#opened;
    await attaching; // a container may be killed while the steps that connect it run
    await this.#changes.change(async () => {
      await this.#bridge.tryTo(detachSteps(lease, network, group), { id }, 'the network of a container stays');
      this.members.remove(id);
    });
    await this.#leaveGroup(id, member);
    this.#leaving.add(lease);
  }

  /** Makes a container a member that an earlier niwad had connected. Has to be called before {@link open}. */
  adopt({ id, network }: Spec, lease: Lease | null, handle: Handle): void {
    if (network === null || lease === null) return;
    const member = this.members.adopt(id, network, lease);
    const counting = this.#kernel.network.configure(handle, [count()]);
    // the container may have ended: then its traffic cannot be counted any more
    member.attaching = counting.catch(() => {});
  }

  /**
   * Finds the lease of an earlier niwad's container by its first process; null where that has no address of the subnet,
   * or a member has it.
   */
  findLease(pid: number): Lease | null {
    const { subnet } = this.segment;
    const taken = new Set(this.members.all().map(({ lease }) => lease.address));
    const isOurs = (address: string) => Math.floor((ipv4Number(address) - subnet.base) / sizeOf(subnet)) === 0;
    const address = addressesInside(pid).find((one) => isOurs(one) && !taken.has(one));
    return address === undefined ? null : leaseOf(this.segment, address);
  }

  /**
   * Takes over the bridge of an earlier niwad. Has to be called when all containers of that niwad are members.
   * @throws NiwaError HOST_UNSUPPORTED, HOST_ERROR
   */
  async open(): Promise<void> {
    await this.#names.renew();
    await this.#bridge.renew();
    this.#setOpened();
    for (const family of Object.values(FAMILY))
      this.#kernel.network.watchTable(family, this.segment.bridge, () => void this.#restore());
  }

  /** Loads the rules again after somebody has removed them, as `nft flush ruleset` does. */
  async #restore(): Promise<void> {
    try {
      await this.#changes.load(() => this.#bridge.restore());
    } catch (error) {
      this.#log.error({ err: error }, `the rules of the bridge are gone: ${messageOf(error)}`);
      setTimeout(() => void this.#restore(), RETRY_MS).unref();
    }
  }

  /** Removes the bridge, if it has no members. */
  async close(): Promise<void> {
    await this.#leaving.flush();
    await this.#bridge.removeUnused();
  }
}
