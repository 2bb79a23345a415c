import type { Logger } from 'pino';
import type { Container } from '../engine/container.js';
import { messageOf, NiwaError } from '../errors.js';
import type { Handle } from '../kernel/containers.js';
import type { Exit } from '../protocol/container.js';
import type { PlainEventType, RuntimeEvent, RuntimeEventType, Subject } from '../protocol/events.js';
import type { EventLog } from './events/event-log.js';

/** Which containers there are, and the telling of what happens to them. */
export class Registry {
  readonly #containers = new Map<string, Container>();
  /**
   * Those that live, and those that have ended, the first to end first: what is asked at each start and each end must not take
   * longer as there are more that have ended.
   */
  readonly #live = new Set<Container>();
  readonly #exited = new Set<Container>();
  readonly #byHandle = new Map<Handle, Container>();
  /** Those whose processes are being made. */
  readonly #expected = new Map<Handle, Promise<unknown>>();
  readonly #listeners = new Set<(event: RuntimeEvent) => void>();
  readonly #events: EventLog;
  readonly #log: Logger;

  constructor(events: EventLog, log: Logger) {
    this.#events = events;
    this.#log = log;
  }

  list(): Container[] {
    return [...this.#containers.values()];
  }

  /** All that have not exited. */
  live(): Container[] {
    return [...this.#live].filter(({ state }) => state !== 'exited');
  }

  has(id: string): boolean {
    return this.#containers.has(id);
  }

  /** @throws NiwaError NOT_FOUND */
  get(id: string): Container {
    const container = this.#containers.get(id);
    if (container === undefined) throw new NiwaError('NOT_FOUND', `there is no container ${id}`);
    return container;
  }

  /**
   * Gives the handle of a container that has not exited. One that ended while there was no niwad has none, also before its end is
   * recorded.
   * @throws NiwaError NOT_FOUND, STATE_CONFLICT
   */
  liveHandle(id: string): Handle {
    const { handle, state } = this.get(id);
    if (state === 'exited' || handle === 0)
      throw new NiwaError('STATE_CONFLICT', `container ${id} has exited: its network is gone`);
    return handle;
  }

  /** The container behind a handle of the kernel. */
  behind(handle: Handle): Container | undefined {
    return this.#byHandle.get(handle);
  }

  /** A container is being made under a handle; `made` has added it when it resolves. */
  expect(handle: Handle, made: Promise<unknown>): void {
    this.#expected.set(handle, made);
    const forget = () => this.#expected.delete(handle);
    made.then(forget, forget);
  }

  /**
   * What the kernel tells of a container may overtake the answer of the call that makes it: `tell` is called when that is there, if
   * the container is.
   */
  whenMade(handle: Handle, tell: () => void): void {
    this.#expected.get(handle)?.then(tell, () => {});
  }

  add(container: Container): void {
    this.#containers.set(container.id, container);
    this.#live.add(container);
    if (container.handle !== 0) this.#byHandle.set(container.handle, container);
  }

  /** The kernel knows it no more. */
  dropHandle({ handle }: Container): void {
    this.#byHandle.delete(handle);
  }

  /** Whether this one is listed, and no later one with its id. */
  hasThis(container: Container): boolean {
    return this.#containers.get(container.id) === container;
  }

  /** It has exited. */
  retire(container: Container): void {
    this.#live.delete(container);
    this.#exited.add(container);
  }

  /** The first to have ended of those that are more than `keep`. */
  surplus(keep: number): Container[] {
    const surplus: Container[] = [];
    for (const container of this.#exited) {
      if (surplus.length >= this.#exited.size - keep) break;
      surplus.push(container);
    }
    return surplus;
  }

  /** Gives false where another one has its id now. */
  remove(container: Container): boolean {
    this.#exited.delete(container);
    this.#live.delete(container);
    return this.hasThis(container) && this.#containers.delete(container.id);
  }

  /** Calls `listener` with every event from now on; gives what ends that. */
  subscribe(listener: (event: RuntimeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  tell(type: PlainEventType, subject: Subject): void;
  tell(type: 'exit', subject: Subject, exit: Exit): void;
  tell(type: RuntimeEventType, subject: Subject, exit?: Exit): void {
    const event = this.#events.add(type, subject, exit);
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#log.error({ err: error }, messageOf(error));
      }
    }
  }
}
