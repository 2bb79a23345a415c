import type { Logger } from 'pino';
import type { Container } from '../engine/container.js';
import type { Handle } from '../kernel/containers.js';
import type { Exit } from '../protocol/container.js';
import { messageOf, NiwaError } from '../protocol/errors.js';
import type {
  PlainEventType,
  RuntimeEvent,
  RuntimeEventType,
  ServiceEventFields,
  ServiceEventType,
  Subject,
} from '../protocol/events.js';
import type { ExecEnded, ExecStarted } from '../protocol/exec.js';
import type { EventFields, EventLog } from './events/event-log.js';

/** Is told that the last process of a container has ended, before the end is recorded. */
export type DeathListener = (container: Container, exit: Exit) => void;

/** The list of all containers, and the telling of events about them. */
export class Registry {
  readonly #containers = new Map<string, Container>();
  /**
   * Live containers and exited containers are apart, exited ones by their service (null for none) in the order of their
   * ends: the work at each start and each end must not grow with the number of exited containers.
   */
  readonly #live = new Set<Container>();
  /** What {@link live} gives, until the live containers are others. */
  #liveList: readonly Container[] | null = null;
  readonly #exited = new Map<string | null, Set<Container>>([[null, new Set()]]);
  readonly #byHandle = new Map<Handle, Container>();
  /** The handles of containers whose processes are being made. */
  readonly #expected = new Map<Handle, Promise<unknown>>();
  readonly #listeners = new Set<(event: RuntimeEvent) => void>();
  readonly #deathListeners = new Set<DeathListener>();
  readonly #events: EventLog;
  readonly #log: Logger;

  /** Says what else has a name that no container has, such as a service; `""` for nothing. */
  hintFor: (id: string) => string = () => '';

  constructor(events: EventLog, log: Logger) {
    this.#events = events;
    this.#log = log;
  }

  list(): Container[] {
    return [...this.#containers.values()];
  }

  /** All containers that have not exited; the same array as long as they are the same. */
  live(): readonly Container[] {
    this.#liveList ??= [...this.#live];
    return this.#liveList;
  }

  has(id: string): boolean {
    return this.#containers.has(id);
  }

  find(id: string): Container | undefined {
    return this.#containers.get(id);
  }

  /** @throws NiwaError NOT_FOUND */
  get(id: string): Container {
    const container = this.#containers.get(id);
    if (container === undefined) throw new NiwaError('NOT_FOUND', `there is no container ${id}${this.hintFor(id)}`);
    return container;
  }

  /**
   * Gives the handle of a container that has not exited. A container that ended while no niwad was running has no
   * handle, even before its end is recorded.
   * @throws NiwaError NOT_FOUND, STATE_CONFLICT
   */
  liveHandle(id: string): Handle {
    const { handle, state, isUntaken } = this.get(id);
    if (isUntaken)
      throw new NiwaError(
        'STATE_CONFLICT',
        `container ${id} was made ahead and is not started: it has no network to share`,
      );
    if (state === 'exited' || handle === 0)
      throw new NiwaError('STATE_CONFLICT', `container ${id} has exited: its network is gone`);
    return handle;
  }

  /** The container that the kernel's side knows by a handle. */
  behind(handle: Handle): Container | undefined {
    return this.#byHandle.get(handle);
  }

  /** Called when a container is being made under a handle. When `made` resolves, the container is in the registry. */
  expect(handle: Handle, made: Promise<unknown>): void {
    this.#expected.set(handle, made);
    const forget = () => this.#expected.delete(handle);
    made.then(forget, forget);
  }

  /**
   * Calls `tell` when the container under a handle is made; never if its making fails. An event of the kernel may
   * arrive before the answer of the call that makes the container, and has to wait for that answer.
   * @returns false if no container is being made under the handle
   */
  whenMade(handle: Handle, tell: () => void): boolean {
    const made = this.#expected.get(handle);
    made?.then(tell, () => {});
    return made !== undefined;
  }

  add(container: Container): void {
    this.#containers.set(container.id, container);
    this.#live.add(container);
    this.#liveList = null;
    if (container.handle !== 0) this.#byHandle.set(container.handle, container);
  }

  /** Called when the kernel's side no longer knows the container. */
  dropHandle({ handle }: Container): void {
    this.#byHandle.delete(handle);
  }

  /** Whether this container is listed. False if a later container with the same id has replaced it. */
  hasThis(container: Container): boolean {
    return this.#containers.get(container.id) === container;
  }

  /**
   * Moves a container to the exited ones. One that may run again, and one that its engine has to delete, stay beside
   * them, and are never surplus.
   */
  retire(container: Container): void {
    this.#leave(container);
    if (container.mayRunAgain || container.spec.oci !== undefined) return;
    const service = container.spec.service?.name ?? null;
    const exited = this.#exited.get(service) ?? new Set();
    this.#exited.set(service, exited.add(container));
  }

  /** Keeps an exited container from being surplus, while its next run is made; {@link retire} ends that. */
  keep(container: Container): void {
    this.#exited.get(container.spec.service?.name ?? null)?.delete(container);
  }

  /**
   * The exited containers that are more than `keep`, and those of each service that are more than `keepOfService`:
   * those that ended first.
   */
  surplus(keep: number, keepOfService: number): Container[] {
    return [...this.#exited].flatMap(([service, exited]) =>
      firstOf(exited, exited.size - (service === null ? keep : keepOfService)),
    );
  }

  /** Removes a container. Gives false if another container with its id is listed now. */
  remove(container: Container): boolean {
    const service = container.spec.service?.name ?? null;
    const exited = this.#exited.get(service);
    exited?.delete(container);
    if (service !== null && exited?.size === 0) this.#exited.delete(service);
    this.#leave(container);
    return this.hasThis(container) && this.#containers.delete(container.id);
  }

  /** Calls `listener` with every event from now on; returns a function that ends this. */
  subscribe(listener: (event: RuntimeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Calls `listener` with every death from now on: the exit event of it comes later, when the end is recorded. */
  onDeath(listener: DeathListener): void {
    this.#deathListeners.add(listener);
  }

  /** Tells that the last process of a container has ended. */
  tellDeath(container: Container, exit: Exit): void {
    for (const listener of this.#deathListeners) this.#guard(() => listener(container, exit));
  }

  tell(type: PlainEventType, subject: Subject): void;
  tell(type: 'exit', subject: Subject, fields: { exit: Exit }): void;
  tell(type: 'exec-started', subject: Subject, fields: { exec: ExecStarted }): void;
  tell(type: 'exec-ended', subject: Subject, fields: { exec: ExecEnded }): void;
  tell(type: ServiceEventType, subject: Subject, fields: ServiceEventFields): void;
  tell(type: RuntimeEventType, subject: Subject, fields?: EventFields): void {
    const event = this.#events.add(type, subject, fields);
    for (const listener of this.#listeners) this.#guard(() => listener(event));
  }

  #leave(container: Container): void {
    if (this.#live.delete(container)) this.#liveList = null;
  }

  /** The fault of a listener does not keep the others from being told. */
  #guard(call: () => void): void {
    try {
      call();
    } catch (error) {
      this.#log.error({ err: error }, messageOf(error));
    }
  }
}

function firstOf(containers: Iterable<Container>, count: number): Container[] {
  const first: Container[] = [];
  for (const container of containers) {
    if (first.length >= count) break;
    first.push(container);
  }
  return first;
}
