import { renameSync, rmSync, writeFileSync } from 'node:fs';
import { hostname as hostName } from 'node:os';
import { join } from 'node:path';
import type { Logger } from 'pino';
import { messageOf, NiwaError } from '../errors.js';
import { loadNow } from '../host/stored-file.js';
import type { Handle } from '../kernel/containers.js';
import type { Kernel } from '../kernel/kernel.js';
import { count, deleteLink, type NetworkStep } from '../plan/network.js';
import type { PlanNetwork } from '../plan/plan.js';
import type { Network, PublishedPort, Spec } from '../protocol/resolved-spec.js';
import { ipv4Number, ipv6Text, sizeOf } from './addresses.js';
import { elementsOf } from './elements.js';
import { fileNames, networkFiles } from './files.js';
import {
  addressesInside,
  applyRules,
  applyRuleset,
  enableForwarding,
  hasIpv6,
  interfaceNames,
  nodeName,
  requireFreePort,
  requireFreeSubnet,
  resolveDns,
} from './host.js';
import { devicePrefix, type Lease, leaseOf, type NetworkSettings, type Segment, segmentOf } from './lease.js';
import { addressesOf, Leaving } from './leaving.js';
import { AddressPool } from './pool.js';
import { removal } from './ruleset.js';
import { attachSteps, bridgeSteps, detachSteps } from './steps.js';

export interface NetworksOptions {
  settings: NetworkSettings;
  /** Is there while the bridge is; names it. */
  markFile: string;
  log: Logger;
  kernel: Pick<Kernel, 'network'>;
}

/** What a container has here. */
interface Member {
  lease: Lease;
  network: Network;
  /** The number of its group; null where it is in none. */
  group: number | null;
  /** The making of its place, while and after it goes on, however it ends; null before. */
  attaching: Promise<void> | null;
}

/** The bridge of a daemon and who is on it. It is made for the first container and goes with the daemon that leaves none. */
export class Networks {
  readonly #options: NetworksOptions;
  readonly #segment: Segment;
  readonly #pool: AddressPool;
  readonly #leaving: Leaving;
  readonly #members = new Map<string, Member>();
  /** The numbers of groups by name. */
  readonly #groups = new Map<string, number>();
  #made: Promise<void> | null = null;
  /** Lets those go who ended while the rules were renewed with them in it. */
  #setOpened: () => void = () => {};
  readonly #opened = new Promise<void>((resolve) => {
    this.#setOpened = resolve;
  });

  constructor(options: NetworksOptions) {
    this.#options = options;
    this.#segment = segmentOf(options.settings, nodeName(), hasIpv6());
    this.#pool = new AddressPool(this.#segment.subnet);
    this.#leaving = new Leaving(options.kernel, options.log, ({ address }) => this.#pool.release(address));
  }

  /** Gives a spec with the name servers of this host where it does not say which. */
  resolve(spec: Spec): Spec {
    return resolveDns(spec, this.#segment.subnet6 !== null);
  }

  /**
   * Gives a new container its address, and the bridge that it needs; null where its spec asks for none.
   * @throws NiwaError ADDRESS_IN_USE, SPEC_INVALID, HOST_UNSUPPORTED, HOST_ERROR; then nothing was taken
   */
  async take({ id, network }: Spec): Promise<Lease | null> {
    if (network === null) return null;
    if (!this.#pool.canTake(network.address)) await this.#leaving.flush(); // its last holder may just have ended
    this.#requireUnpublished(network.ports);
    const lease = leaseOf(this.#segment, this.#pool.take(network.address));
    this.#members.set(id, { lease, network, group: this.#groupNumber(network.group), attaching: null });
    try {
      for (const port of network.ports) await requireFreePort(port);
      if (this.#made === null && !interfaceNames().includes(lease.bridge)) requireFreeSubnet(this.#segment);
      await this.#make();
    } catch (error) {
      this.forget(id);
      throw error;
    }
    return lease;
  }

  /** Gives what the plan of a container has of its network: its place, if it has one here, and its files in `directory`. */
  plan(spec: Spec, directory: string): PlanNetwork {
    const member = this.#members.get(spec.id);
    const steps = member === undefined ? [] : attachSteps(this.#segment, member.lease, member.network, member.group);
    return planNetwork(spec, steps, directory);
  }

  /** Writes the files of a container into its directory. Throws what the file system does. */
  writeFiles(spec: Spec, lease: Lease | null, directory: string): void {
    const names = fileNames(spec);
    if (names.length === 0) return;
    const { id, namespaces, network } = spec;
    const hostname = spec.hostname ?? (namespaces.uts === 'host' ? hostName() : id);
    const files = networkFiles({ hostname, network, lease });
    for (const name of names) writeFileSync(join(directory, name), files[name], { mode: 0o644 });
  }

  /** Gives a container that waits for its start its place, by the steps of its plan. @throws KernelError with the step */
  async attach({ id, handle }: { id: string; handle: Handle }, steps: readonly NetworkStep[]): Promise<void> {
    const member = this.#members.get(id);
    if (member === undefined) return;
    const attaching = this.#options.kernel.network.configure(handle, steps);
    member.attaching = attaching.catch(() => {});
    await attaching;
  }

  /** Takes away what a container has here, whether it was attached or had just its address. */
  async release(id: string): Promise<void> {
    if (this.#members.get(id)?.attaching === null) this.forget(id);
    else await this.detach(id);
  }

  /** Takes the place of a container away, and forgets that it had one. */
  async detach(id: string): Promise<void> {
    const member = this.#members.get(id);
    if (member === undefined) return;
    const { lease, network, group, attaching } = member;
    await this.#opened;
    await attaching; // it may have been killed on the way
    await this.#tryTo(detachSteps(lease, network, group), { id }, 'the network of a container stays');
    this.#drop(id);
    this.#leaving.add(lease);
  }

  /** Takes over the place of a container of an earlier daemon; to be called before {@link open}. */
  adopt({ id, network }: Spec, lease: Lease | null, handle: Handle): void {
    if (network === null || lease === null) return;
    this.#pool.claim(lease.address);
    const counting = this.#options.kernel.network.configure(handle, [count()]);
    const attaching = counting.catch(() => {}); // where it has ended there is nothing to count
    this.#members.set(id, { lease, network, group: this.#groupNumber(network.group), attaching });
  }

  /** Finds the place of a container of an earlier daemon by its process; null where it has none of its own on the bridge. */
  findLease(pid: number): Lease | null {
    const { subnet } = this.#segment;
    const taken = new Set([...this.#members.values()].map(({ lease }) => lease.address));
    const isOurs = (address: string) => Math.floor((ipv4Number(address) - subnet.base) / sizeOf(subnet)) === 0;
    const address = addressesInside(pid).find((one) => isOurs(one) && !taken.has(one));
    return address === undefined ? null : leaseOf(this.#segment, address);
  }

  /**
   * Renews the rules for those who were taken over, and removes what an earlier daemon left of others.
   * @throws NiwaError HOST_UNSUPPORTED, HOST_ERROR
   */
  async open(): Promise<void> {
    const marked = this.#marked();
    if (marked !== null) await this.#renew(marked);
    this.#setOpened();
  }

  async #renew(marked: string): Promise<void> {
    await Promise.all([...this.#members.values()].map(({ attaching }) => attaching));
    const kept = new Set([...this.#members.values()].map(({ lease }) => lease.device));
    const stale = interfaceNames().filter((name) => name.startsWith(devicePrefix(marked)) && !kept.has(name));
    await this.#tryTo(stale.map(deleteLink).map(optional), { stale }, 'interfaces of an earlier niwad stay');
    if (this.#members.size === 0) await this.#remove(marked);
    else await this.#make();
  }

  /** Removes the bridge where nobody is on it. */
  async close(): Promise<void> {
    await this.#leaving.flush();
    const marked = this.#marked();
    if (this.#members.size === 0 && marked !== null) await this.#remove(marked);
  }

  /** Makes the bridge with its rules once; where that failed it is tried again. */
  #make(): Promise<void> {
    this.#made ??= this.#makeNow().catch((error: unknown) => {
      this.#made = null;
      throw error;
    });
    return this.#made;
  }

  async #makeNow(): Promise<void> {
    const { bridge } = this.#segment;
    const { log } = this.#options;
    const exists = interfaceNames().includes(bridge);
    if (exists && this.#marked() !== bridge)
      throw new NiwaError(
        'HOST_ERROR',
        `this host has an interface ${bridge} that is not niwad's: name another one as network.bridge in niwad's configuration`,
      );
    this.#mark(bridge);
    const members = [...this.#members.values()];
    const elements = members.flatMap(({ lease, network, group }) => elementsOf(lease, network, group));
    await applyRuleset(this.#segment, exists ? elements : [], log);
    await this.#forgetOthers();
    if (!exists) await this.#options.kernel.network.configure(0, bridgeSteps(this.#segment));
    enableForwarding(this.#segment, log);
    log.info({ bridge, subnet: this.#segment.subnetText }, 'containers can be bridged');
  }

  /** Lets the kernel forget the connections that others had by the addresses of this subnet: containers of an earlier daemon, say. */
  async #forgetOthers(): Promise<void> {
    const { subnetText, subnet6 } = this.#segment;
    const placed = [...this.#members.values()].filter(({ attaching }) => attaching !== null);
    const of = [subnetText, ...(subnet6 === null ? [] : [`${ipv6Text(subnet6)}/64`])];
    await this.#leaving.forgetFlows({ of, but: placed.flatMap(({ lease }) => addressesOf(lease)) });
  }

  /** Runs steps on the host; where they fail, that is logged. */
  async #tryTo(steps: readonly NetworkStep[], of: object, failure: string): Promise<void> {
    try {
      await this.#options.kernel.network.configure(0, steps);
    } catch (error) {
      this.#options.log.error({ ...of, err: error }, failure);
    }
  }

  async #remove(bridge: string): Promise<void> {
    this.#made = null;
    await this.#tryTo([optional(deleteLink(bridge))], { bridge }, 'the bridge stays');
    try {
      await applyRules(removal(bridge));
      rmSync(this.#options.markFile, { force: true });
    } catch (error) {
      this.#options.log.error({ err: error }, messageOf(error));
    }
  }

  /** The bridge that this daemon or an earlier one made; null where there is none. */
  #marked(): string | null {
    const { markFile, log } = this.#options;
    const found = loadNow(markFile, parseMark);
    if (found.state === 'whole') return found.value;
    if (found.state === 'missing') return null;
    const { bridge } = this.#segment;
    log.error(
      { file: markFile, reason: found.reason, bridge },
      'which bridge is ours cannot be read: it is taken for the configured one',
    );
    return bridge;
  }

  /** In one step: half of a name would be that of another interface. Nothing is written where it is there: the disk may be full. */
  #mark(bridge: string): void {
    const { markFile } = this.#options;
    const found = loadNow(markFile, parseMark);
    if (found.state === 'whole' && found.value === bridge) return;
    writeFileSync(`${markFile}.new`, bridge);
    renameSync(`${markFile}.new`, markFile);
  }

  /** Gives back what {@link take} gave, where nothing was made of it. */
  forget(id: string): void {
    const lease = this.#drop(id);
    if (lease !== undefined) this.#pool.release(lease.address);
  }

  #drop(id: string): Lease | undefined {
    const member = this.#members.get(id);
    this.#members.delete(id);
    if (member === undefined) return undefined;
    const { group } = member.network;
    const isLast = ![...this.#members.values()].some(({ network }) => network.group === group);
    if (group !== null && isLast) this.#groups.delete(group);
    return member.lease;
  }

  /** The number of a group, a new one for its first member; {@link #drop} frees it with the last. */
  #groupNumber(group: string | null): number | null {
    if (group === null) return null;
    const number = this.#groups.get(group) ?? Math.max(0, ...this.#groups.values()) + 1;
    this.#groups.set(group, number);
    return number;
  }

  #requireUnpublished(ports: readonly PublishedPort[]): void {
    for (const [id, { network }] of this.#members)
      for (const port of ports)
        if (network.ports.some((other) => overlap(port, other)))
          throw new NiwaError(
            'ADDRESS_IN_USE',
            `container ${id} has published port ${port.host}/${port.protocol} of this host already: take another one`,
          );
  }
}

/** Gives what a plan has of the network of one container. Pure. */
export function planNetwork(spec: Spec, steps: readonly NetworkStep[], directory: string): PlanNetwork {
  const isNeeded = spec.network !== null;
  const files = fileNames(spec).map((name) => ({ source: join(directory, name), target: `/etc/${name}`, isNeeded }));
  return { steps, files };
}

/** Plans with the first address of a segment, for a look at the steps without a daemon. */
export function examplePlan(spec: Spec, settings: NetworkSettings, directory: string): PlanNetwork {
  const { network } = spec;
  if (network === null) return planNetwork(spec, [], directory);
  const segment = segmentOf(settings, nodeName(), hasIpv6());
  const lease = leaseOf(segment, new AddressPool(segment.subnet).take(network.address));
  return planNetwork(spec, attachSteps(segment, lease, network, network.group === null ? null : 1), directory);
}

function overlap(a: PublishedPort, b: PublishedPort): boolean {
  if (a.protocol !== b.protocol || a.host !== b.host) return false;
  return a.hostAddress === null || b.hostAddress === null || a.hostAddress === b.hostAddress;
}

/** A mark that was cut short would name other interfaces of the host as ours: they would be deleted. */
function parseMark(text: string): string {
  if (!/^[a-z][a-z0-9]{0,8}$/.test(text)) throw new Error(`it names no bridge: ${JSON.stringify(text.slice(0, 32))}`);
  return text;
}

function optional(step: NetworkStep): NetworkStep {
  return { ...step, optional: true };
}
