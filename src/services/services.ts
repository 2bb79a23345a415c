import type { Caller } from '../access/allowed.js';
import { ROOT } from '../access/allowed.js';
import type { Container } from '../engine/container.js';
import type { Exit } from '../protocol/container.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import type { RuntimeEvent } from '../protocol/events.js';
import type { PortHolder, ServiceHistory, ServiceStatus } from '../protocol/services.js';
import { Turns } from '../turns/turns.js';
import type { AllServices } from './all.js';
import { hear } from './hearing.js';
import { type ApplyOptions, apply } from './operations/apply.js';
import { remove } from './operations/remove.js';
import { scale } from './operations/scale.js';
import { wake } from './operations/wake.js';
import type { ServiceParts } from './parts.js';
import { holders } from './ports.js';
import type { RunningService } from './service.js';
import { statusOf } from './status.js';
import { goOn, takeOverServices } from './take-over.js';
import { endMinute } from './tick.js';
import { Ticking } from './ticking.js';

/** All services of a node, and the index of the operations on them: each operation is a file of operations/. */
export class Services {
  readonly #services = new Map<string, RunningService>();
  readonly #all: AllServices;
  #ticking: Ticking | undefined;
  #isClosed = false;

  constructor(parts: Omit<ServiceParts, 'finish'>) {
    this.#all = {
      parts: { ...parts, finish: (name) => this.#finish(name) },
      turns: new Turns(1),
      find: (name) => this.#services.get(name),
      get: (name) => this.#get(name),
      add: (service) => this.#services.set(service.name, service),
    };
  }

  /**
   * Takes over the services of the earlier niwad; to be called once, when its containers were taken over, and before
   * niwad listens. Then the addresses are open.
   * @throws NiwaError HOST_ERROR
   */
  async open(): Promise<void> {
    const { parts } = this.#all;
    for (const service of await takeOverServices(parts)) this.#services.set(service.name, service);
    parts.containers.onDeath((container, exit) => this.#hearDeath(container, exit));
    parts.containers.subscribe((event) => this.#hear(event));
    parts.containers.hintForMissing((id) => (this.#services.has(id) ? hintOf(id) : ''));
    await this.#openPaths();
    for (const service of this.#services.values()) goOn(service);
    this.#ticking = new Ticking(() => this.#services.values(), parts);
  }

  /** Requests are held for a service that sleeps, the first one since `sinceUsec` of CLOCK_BOOTTIME. */
  woken(name: string, sinceUsec: number): void {
    const service = this.#services.get(name);
    if (service === undefined || this.#isClosed) return;
    service.wakes.begin(sinceUsec);
    service.decide();
  }

  readonly apply = (caller: Caller, name: string, input: unknown, options: ApplyOptions) =>
    apply(this.#all, caller, name, input, options);
  readonly remove = (caller: Caller, name: string) => remove(this.#all, caller, name);
  readonly wake = (caller: Caller, name: string, signal: AbortSignal) => wake(this.#all, caller, name, signal);
  readonly scale = (caller: Caller, name: string, instances: number | null) =>
    scale(this.#all, caller, name, instances);

  list(): ServiceStatus[] {
    const services = [...this.#services.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
    return services.map(statusOf);
  }

  /** @throws NiwaError NOT_FOUND */
  get(name: string): ServiceStatus {
    return statusOf(this.#get(name));
  }

  /** The decisions and the figures of the last hours, the oldest first. @throws NiwaError NOT_FOUND, HOST_ERROR */
  async history(name: string): Promise<ServiceHistory> {
    const { history } = this.#get(name);
    return await history.read().catch((cause: unknown) => {
      throw new NiwaError('HOST_ERROR', `cannot read the history of service ${name}: ${messageOf(cause)}`, { cause });
    });
  }

  /** The ids of the containers of a service, also of those that have ended and are kept. @throws NiwaError NOT_FOUND */
  instancesOf(name: string): string[] {
    this.#get(name);
    const containers = this.#all.parts.containers.list();
    return containers.filter(({ spec }) => spec.service?.name === name).map(({ id }) => id);
  }

  /** Who holds a port of the node: containers and services. */
  addresses(): PortHolder[] {
    return holders([...this.#services.values()], this.#all.parts.containers.list());
  }

  /** Stops deciding; the instances go on, and the rules stay as they are. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#ticking?.stop();
    for (const service of this.#services.values()) {
      endMinute(service);
      service.close();
    }
    for (const { history } of this.#services.values()) await history.flush().catch(() => {}); // what a disk refuses is lost
    await this.#all.parts.paths.close();
  }

  /** Where the data path cannot be opened, niwad starts all the same, says so, and tries again each second. */
  async #openPaths(): Promise<void> {
    try {
      await this.#all.parts.paths.open();
    } catch (error) {
      for (const service of this.#services.values()) {
        service.gate.lose();
        service.complain('its addresses cannot be opened', error);
      }
    }
  }

  #get(name: string): RunningService {
    const service = this.#services.get(name);
    if (service === undefined) throw new NiwaError('NOT_FOUND', `there is no service ${name}`);
    return service;
  }

  #hear(event: RuntimeEvent): void {
    const service = this.#services.get(event.service ?? '');
    const instance = service?.instances.get(event.id);
    if (service !== undefined && instance !== undefined && !this.#isClosed) hear(service, instance, event);
  }

  #hearDeath({ id, spec }: Container, exit: Exit): void {
    const service = this.#services.get(spec.service?.name ?? '');
    const instance = service?.instances.get(id);
    if (service !== undefined && instance?.container && !this.#isClosed) service.hearDeath(instance, exit);
  }

  /**
   * Forgets a service that was removed, with what is kept of its instances. It may have been applied again before it is
   * the turn of this.
   */
  async #finish(name: string): Promise<void> {
    const { turns, parts } = this.#all;
    const forgotten = await turns.run(async () => {
      const service = this.#services.get(name);
      if (!service?.declaration.isRemoved || service.instances.size > 0) return null;
      await this.#forget(service);
      return service;
    });
    // beside the changes of other services: the end of what was made ahead may take seconds
    if (forgotten !== null) await parts.stocks.remove(forgotten.stock);
  }

  async #forget(service: RunningService): Promise<void> {
    const { parts } = this.#all;
    const { name } = service;
    service.close();
    this.#services.delete(name);
    parts.marks.remove(name);
    try {
      await service.history.remove();
      parts.store.remove(name);
    } catch (error) {
      parts.log.error({ service: name, err: error }, 'files of a service that was removed stay on the disk');
    }
    for (const { id, spec, state } of parts.containers.list())
      if (spec.service?.name === name && state === 'exited')
        parts.containers.remove(id, ROOT, { force: false }).catch(() => {});
  }
}

/** Commands on containers do not take services. */
function hintOf(name: string): string {
  return `, but a service of this name: \`niwa service inspect ${name}\`, \`niwa ps --service ${name}\` for its containers`;
}
