import type { Logger } from 'pino';
import { isKernelError } from '../../kernel/errors.js';
import type { Kernel } from '../../kernel/kernel.js';
import { forgetFlows } from '../../plan/network.js';
import { messageOf, NiwaError } from '../../protocol/errors.js';
import type { ListenAddress } from '../../protocol/resolved-service.js';
import { MAX_SLOTS } from '../../protocol/service.js';
import { Turns } from '../../turns/turns.js';
import { FAMILY } from '../elements.js';
import { requireFreeAddress } from '../host.js';
import type { Segment } from '../lease.js';
import type { Members } from '../members.js';
import { type HeldAddress, listenText, overlapsPublished, type ServiceAddresses } from './addresses.js';
import { countRefused, countsOf, type Declared, newlyDeclared, wakeSteps } from './declared.js';
import { PathKernel } from './path-kernel.js';
import { type PathState, placeInSlots } from './service-elements.js';
import { COUNTED, toReading } from './tally.js';
import type { Destination, PathCounts, Paths, ServicePath } from './types.js';

export interface ServicePathsOptions {
  segment: Segment;
  addresses: ServiceAddresses;
  members: Members;
  kernel: Pick<Kernel, 'services' | 'serviceRelay' | 'network'>;
  log: Logger;
  /** Told when the first request is held for a service: the first of all, and the first since the last were let go. */
  onWake: (service: string) => void;
}

const RETRY_MS = 1000;

/** The data path of services by rules of nftables and a queue of the kernel. */
export class ServicePaths implements Paths {
  readonly #options: ServicePathsOptions;
  readonly #kernel: PathKernel;
  readonly #declared = new Map<string, Declared>();
  readonly #turns = new Turns(1);
  #lastNumber = 0;
  #isOpen = false;
  #isRestoring = false;
  #retry: NodeJS.Timeout | undefined;

  constructor(options: ServicePathsOptions) {
    const { segment, kernel, log } = options;
    this.#options = options;
    this.#kernel = new PathKernel({
      bridge: segment.bridge,
      kernel,
      log,
      onHeld: (number) => this.#wake(number),
      onQueueLost: () => this.#restore(),
    });
  }

  async declare(path: ServicePath): Promise<void> {
    const { addresses } = this.#options;
    const { before, added } = this.#addressesOf(path);
    this.#requirePossible(path);
    addresses.set(path.name, [...before, ...added]);
    try {
      await this.#requireUdp(path);
      if (this.#isOpen) for (const listen of added) await requireFreeAddress(listen);
      await this.#turns.run(() => this.#declareNow(path));
      addresses.set(path.name, path.listen);
      if (this.#isOpen) await this.#forgetFlows(added);
    } catch (error) {
      addresses.set(path.name, before);
      throw error;
    }
  }

  async requireFree(path: ServicePath): Promise<void> {
    this.#requirePossible(path);
    for (const listen of this.#addressesOf(path).added) await requireFreeAddress(listen);
  }

  async withdraw(name: string): Promise<void> {
    await this.#turns.run(async () => {
      const declared = this.#declared.get(name);
      if (declared === undefined) return;
      const { path } = declared.state;
      await this.#change(declared, { path: { ...path, listen: [] }, slots: [], unrouted: [], isBarred: false });
      this.#declared.delete(name);
      this.#options.addresses.set(name, []);
      this.#kernel.holders.forget(declared);
      if (this.#isOpen && this.#declared.size === 0) await this.#kernel.table.remove();
    });
  }

  async route(
    name: string,
    destinations: readonly Destination[],
    unrouted: readonly Destination[] = [],
  ): Promise<void> {
    if (destinations.length > MAX_SLOTS)
      throw new NiwaError('HOST_UNSUPPORTED', `service ${name} can have ${MAX_SLOTS} routed instances at most`);
    await this.#turns.run(async () => {
      const declared = this.#require(name);
      for (const some of wakeSteps(declared.state, destinations))
        await this.#change(declared, { ...declared.state, slots: placeInSlots(declared.state.slots, some), unrouted });
    });
  }

  async refuse(name: string, cause: string): Promise<void> {
    await this.#turns.run(async () => {
      const declared = this.#require(name);
      declared.cause = cause;
      const letGo = await this.#change(declared, { ...declared.state, isBarred: true });
      countRefused(declared, cause, letGo); // no instance was routed, else none were held: the rules refuse them
    });
  }

  async accept(name: string): Promise<void> {
    await this.#turns.run(async () => {
      const declared = this.#require(name);
      await this.#change(declared, { ...declared.state, isBarred: false });
    });
  }

  async counts(): Promise<ReadonlyMap<string, PathCounts>> {
    const { services } = this.#options.kernel;
    const [counted, held] = await Promise.all([
      services.counters(this.#kernel.table.name, COUNTED).catch((error: unknown) => {
        if (isKernelError(error, 'ENOENT')) return [];
        throw error;
      }),
      this.#kernel.holders.counts(),
    ]);
    const reading = toReading(counted);
    const countsIn = (declared: Declared) => countsOf(declared, reading, held.get(declared.number));
    return new Map([...this.#declared].map(([name, declared]) => [name, countsIn(declared)]));
  }

  addresses(): HeldAddress[] {
    return this.#options.addresses.all();
  }

  async open(): Promise<void> {
    await this.#turns.run(async () => {
      const { table } = this.#kernel;
      this.#options.kernel.network.watchTable(FAMILY.inet, table.name, () => this.#restore());
      this.#isOpen = true;
      if (this.#declared.size > 0) await this.#kernel.load(this.#all());
      else await table.remove();
    });
  }

  async close(): Promise<void> {
    clearTimeout(this.#retry);
    await this.#turns.run(async () => {
      this.#isOpen = false;
      await this.#kernel.close();
    });
  }

  /** The addresses that a service has, and those that are new. */
  #addressesOf({ name, listen }: ServicePath): { before: readonly ListenAddress[]; added: ListenAddress[] } {
    const before = this.#declared.get(name)?.state.path.listen ?? [];
    const added = listen.filter((one) => !before.some((other) => listenText(other) === listenText(one)));
    return { before, added };
  }

  #requirePossible({ name, listen }: ServicePath): void {
    const { addresses, members, segment } = this.#options;
    addresses.requireFree(name, listen);
    for (const one of listen) {
      for (const [id, { network }] of members.entries())
        if (network.ports.some((port) => overlapsPublished(one, port)))
          throw new NiwaError(
            'ADDRESS_IN_USE',
            `container ${id} has published ${listenText(one)} of this host already: take another address or port (\`niwa ports\` lists what is held)`,
          );
      if (one.family === 6 && segment.subnet6 === null)
        throw new NiwaError(
          'HOST_UNSUPPORTED',
          `containers of this node have no IPv6, so a service cannot listen on ${listenText(one)}: set network.subnet6 in niwad's configuration`,
        );
    }
  }

  /** Refuses UDP on a host without a queue: the relay holds connections, and no datagrams. */
  async #requireUdp({ listen }: ServicePath): Promise<void> {
    const udp = listen.find(({ protocol }) => protocol === 'udp');
    if (udp === undefined || !this.#isOpen) return;
    await this.#turns.run(async () => {
      if (!this.#kernel.isReady) await this.#kernel.load(this.#all());
      if (!this.#kernel.table.isRelayed) return;
      if (this.#declared.size === 0) await this.#kernel.table.remove();
      throw new NiwaError(
        'HOST_UNSUPPORTED',
        `a service cannot listen on ${listenText(udp)}: this kernel has no queue for packets. It needs nfnetlink_queue, and nft_queue or the target NFQUEUE (xt_NFQUEUE with nft_compat).`,
      );
    });
  }

  /** Lets new addresses have the datagrams of clients that have sent to them before. */
  async #forgetFlows(added: readonly ListenAddress[]): Promise<void> {
    const ports = new Set(added.filter(({ protocol }) => protocol === 'udp').map(({ port }) => port));
    if (ports.size > 0) await this.#options.kernel.network.configure(0, [...ports].map(forgetFlows));
  }

  async #declareNow(path: ServicePath): Promise<void> {
    const known = this.#declared.get(path.name);
    const declared = known ?? newlyDeclared(++this.#lastNumber, path);
    const before = declared.state;
    this.#declared.set(path.name, declared);
    try {
      this.#kernel.holders.tell(declared, { ...before, path });
      await this.#change(declared, { ...before, path });
    } catch (error) {
      if (known !== undefined) this.#kernel.holders.tell(declared, before);
      else this.#declared.delete(path.name);
      if (known === undefined) this.#kernel.holders.forget(declared);
      throw error;
    }
  }

  /** Gives how many held packets were let go. Until {@link open} this only keeps account. */
  async #change(declared: Declared, next: PathState): Promise<number> {
    if (this.#isOpen) return await this.#kernel.change(declared, next, this.#all());
    declared.state = next;
    return 0;
  }

  #all(): Declared[] {
    return [...this.#declared.values()];
  }

  #wake(number: number): void {
    for (const [name, declared] of this.#declared) if (declared.number === number) this.#options.onWake(name);
  }

  /** Loads the rules anew after somebody has removed them, or after the queue was closed. */
  #restore(): void {
    if (this.#isRestoring) return;
    this.#isRestoring = true;
    clearTimeout(this.#retry);
    void this.#turns.run(async () => {
      this.#isRestoring = false;
      if (this.#isOpen && this.#declared.size > 0) await this.#tryToRestore();
    });
  }

  async #tryToRestore(): Promise<void> {
    const { log } = this.#options;
    try {
      await this.#kernel.load(this.#all());
      log.warn({ table: this.#kernel.table.name }, 'the rules of services were gone, and are there again');
    } catch (error) {
      log.error({ err: error }, `the rules of services are gone: ${messageOf(error)}`);
      this.#retry = setTimeout(() => this.#restore(), RETRY_MS).unref();
    }
  }

  #require(name: string): Declared {
    const declared = this.#declared.get(name);
    if (declared === undefined) throw new NiwaError('NOT_FOUND', `there is no service ${name}`);
    return declared;
  }
}
