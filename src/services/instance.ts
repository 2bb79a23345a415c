import type { Container } from '../engine/container.js';
import type { Destination } from '../network/services/types.js';
import type { Exit } from '../protocol/container.js';
import { NiwaError } from '../protocol/errors.js';
import type { Instance, Phase, Reading, UnrouteCause } from './decide/types.js';

/** What must outlive niwad about an instance. All times are microseconds of CLOCK_BOOTTIME. */
export interface Mark {
  id: string;
  revision: number;
  phase: Phase;
  replaces: string | null;
  /** The port in the container, which a later revision may change. */
  port: number;
  startedUsec: number;
  readyUsec: number | null;
  routedUsec: number | null;
  unrouted: { cause: UnrouteCause; sinceUsec: number } | null;
  thawedUsec: number | null;
}

/** For each phase, the phases that may follow. Any instance may be paused by hand. */
const NEXT: Record<Phase, readonly Phase[]> = {
  starting: ['ready', 'ending'],
  ready: ['routed', 'frozen', 'ending'],
  routed: ['unrouted', 'frozen', 'ending'],
  unrouted: ['routed', 'frozen', 'ending'],
  frozen: ['thawing', 'unrouted', 'ending'],
  thawing: ['ready', 'frozen', 'ending'],
  ending: [],
};

/** One instance of a service: a container, and where it is on its way from its start to its end. */
export class ServiceInstance {
  /** The container; null while it is made. */
  container: Container | null = null;
  /** When its container ran, or was thawed for the last time; null before. */
  runningUsec: number | null = null;
  /** How many connections are established; null where that is not known yet. */
  connections: number | null = null;
  /** The last moment at which it had a datagram, a new or an established connection; 0 for never. */
  lastBusyUsec = 0;
  /** False when the `live` check has failed as often as the service allows. */
  isHealthy = true;
  /** What it lacks to be ready, in words; null for nothing. */
  missing: string | null = 'its container is being made';
  /** Aborted when the instance is told to end, or has ended: what waits for its answer gives up. */
  readonly over = new AbortController();
  /** When {@link connections} was asked for the last time. */
  askedUsec = 0;
  readonly #mark: Mark;
  #requestsBefore = 0;
  #readUsec = 0;
  #reading: Reading | null = null;

  constructor(mark: Mark) {
    this.#mark = mark;
  }

  get id(): string {
    return this.#mark.id;
  }

  get phase(): Phase {
    return this.#mark.phase;
  }

  /** The end of its lifetime on CLOCK_BOOTTIME in microseconds; null for none, or while it is made. */
  get deadlineUsec(): number | null {
    const deadlineNs = this.container?.life.deadlineNs ?? 0n;
    return deadlineNs === 0n ? null : Number(deadlineNs / 1000n);
  }

  /** What has to be written for the next niwad. */
  get mark(): Readonly<Mark> {
    return this.#mark;
  }

  /** Where requests find it; null before its container is made. */
  get destination(): Destination | null {
    const lease = this.container?.lease ?? null;
    if (lease === null) return null;
    return { id: this.id, address: lease.address, address6: lease.address6, port: this.#mark.port };
  }

  /** Whether a phase may follow. */
  mayBecome(phase: Phase): boolean {
    return NEXT[this.phase].includes(phase);
  }

  /** It answers over the way that requests take. */
  becomeReady(nowUsec: number): void {
    this.#go('ready');
    this.missing = null;
    this.#mark.readyUsec ??= nowUsec;
  }

  becomeRouted(nowUsec: number): void {
    this.#go('routed');
    this.#mark.routedUsec = nowUsec;
    this.#mark.unrouted = null;
  }

  becomeUnrouted(cause: UnrouteCause, nowUsec: number): void {
    this.#go('unrouted');
    this.#mark.unrouted = { cause, sinceUsec: nowUsec };
    this.connections = null;
    this.askedUsec = 0;
  }

  becomeFrozen(nowUsec: number): void {
    this.#go('frozen');
    this.#mark.unrouted ??= { cause: 'idle', sinceUsec: nowUsec };
  }

  /** It was thawed, and counts as ready when it goes on. */
  becomeThawing(nowUsec: number): void {
    this.#go('thawing');
    this.#mark.thawedUsec = nowUsec;
  }

  /** A thaw has failed. */
  stayFrozen(): void {
    this.#go('frozen');
  }

  /** A freeze has failed. */
  stayUnrouted(): void {
    this.#go('unrouted');
  }

  becomeEnding(): void {
    this.#go('ending');
    this.over.abort();
  }

  /** Takes the revision that it is made of, which another image under the same name has raised. */
  takeRevision(revision: number): void {
    this.#mark.revision = revision;
  }

  /** Takes the container that was made for it. */
  takeContainer(container: Container, nowUsec: number): void {
    this.container = container;
    this.missing = null;
    this.runningUsec = nowUsec;
  }

  /** Takes how many connections are established. */
  takeConnections(count: number, nowUsec: number): void {
    this.connections = count;
    if (count > 0) this.lastBusyUsec = nowUsec;
  }

  /**
   * Takes how many new connections and datagrams it has had since it was routed; a count that is below the last one has
   * begun anew.
   */
  takeRequests(count: number, nowUsec: number): void {
    if (count !== this.#requestsBefore && count > 0) this.lastBusyUsec = nowUsec;
    this.#requestsBefore = count;
  }

  /** Takes the newest reading of its group; a reading counts for one second alone. */
  takeReading(): void {
    const newest = this.container?.meter.throttling() ?? null;
    this.#reading = newest?.atUsec === this.#readUsec ? null : newest;
    this.#readUsec = newest?.atUsec ?? this.#readUsec;
  }

  /** The instance as decide() sees it. */
  view(): Instance {
    const { port: _, ...mark } = this.#mark;
    const { deadlineUsec, connections, lastBusyUsec, isHealthy, missing } = this;
    return { ...mark, deadlineUsec, connections, lastBusyUsec, isHealthy, missing, reading: this.#reading };
  }

  #go(next: Phase): void {
    if (!this.mayBecome(next))
      throw new NiwaError('INTERNAL', `instance ${this.id} is ${this.phase}: ${next} cannot follow`);
    this.#mark.phase = next;
  }
}

/** Says how an instance has ended, for the history. */
export function howItEnded({ connections }: ServiceInstance, { reason, code, signal }: Exit): string {
  const status = signal === null ? ` with status ${code}` : ` by ${signal}`;
  const open = connections === null || connections === 0 ? '' : `; ${connections} connections were cut`;
  return `it has ended: ${reason}${code === null && signal === null ? '' : status}${open}`;
}
