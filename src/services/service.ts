import type { PathCounts } from '../network/services/types.js';
import type { Stock } from '../pools/stock.js';
import type { Exit } from '../protocol/container.js';
import { messageOf } from '../protocol/errors.js';
import type { ServiceCounters } from '../protocol/services.js';
import { CPU_PERIOD_USEC, quotaUsec } from '../spec/resources.js';
import { wantAhead } from './ahead.js';
import { countersOf, NO_COUNTERS } from './counters.js';
import { decide } from './decide/decide.js';
import { type Memory, NO_MEMORY, type Situation, type Step } from './decide/types.js';
import { Gate } from './gate.js';
import { History, TOLD } from './history.js';
import { howItEnded, type Mark, ServiceInstance } from './instance.js';
import type { Marks } from './marks.js';
import { MINUTE_USEC, Minute } from './minute.js';
import type { ServiceParts } from './parts.js';
import { routesTo } from './routes.js';
import { Starts } from './starts.js';
import type { Declaration } from './store.js';
import { Wakes } from './wakes.js';

/** Decisions that follow each other at once, at most: a defect must not keep niwad from everything else. */
const MAX_ROUNDS = 20;
/** A decision that asks to be asked again at a time that has passed waits so long. */
const SHORTEST_TIMER_MS = 5;
/** The longest time that a timer of Node.js can wait. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** The instance that a step is about; null for the whole service. */
export interface Begun {
  instance: string | null;
}

/** Begins a step. Gives null where there is nothing to do. */
export type Execute = (service: RunningService, step: Step) => Begun | null;

/**
 * One service: what is known of it and of its instances. Each event leads to a decision: the situation goes into
 * decide(), and its steps go to the executor. Decisions of one service follow each other.
 */
export class RunningService {
  readonly parts: ServiceParts;
  readonly instances = new Map<string, ServiceInstance>();
  /** Its addresses, its routes, and whether requests are refused. */
  readonly gate: Gate;
  readonly history: History;
  /** Its figures since the last entry of figures in the history. */
  readonly minute: Minute;
  /** Its containers that are made ahead: they are no instances, and take no slot, until they are started. */
  readonly stock: Stock;
  readonly wakes: Wakes;
  readonly starts = new Starts((reason, why) =>
    this.parts.log.warn({ service: this.name, reason }, `an instance has failed: ${why}`),
  );
  replacements = 0;
  /** What the niwads before this one have counted. */
  earlier: ServiceCounters = NO_COUNTERS;
  /** What has gone over its path; null before the first look. */
  counts: PathCounts | null = null;
  warnings: readonly string[] = [];
  #declaration: Declaration;
  #memory: Memory = NO_MEMORY;
  #againUsec: number | null = null;
  #timer: NodeJS.Timeout | undefined;
  #isDeciding = false;
  #isAgain = false;
  #isClosed = false;
  #isSaved = false;
  readonly #execute: Execute;

  constructor(declaration: Declaration, parts: ServiceParts, execute: Execute) {
    const { name } = declaration.service;
    this.#declaration = declaration;
    this.parts = parts;
    this.#execute = execute;
    this.history = new History(parts.store.historyOf(name));
    this.minute = new Minute(parts.clock(), Math.random() * MINUTE_USEC);
    this.wakes = new Wakes(name);
    this.stock = parts.stocks.add(`service ${name}`);
    this.gate = new Gate(name, parts.paths, (what, error) => this.complain(what, error));
  }

  get name(): string {
    return this.#declaration.service.name;
  }

  get declaration(): Declaration {
    return this.#declaration;
  }

  /** The instances that new connections go to. */
  get routed(): ServiceInstance[] {
    return [...this.instances.values()].filter(({ phase }) => phase === 'routed');
  }

  /** Until when no start is tried; null where one may be. */
  get backoffUntilUsec(): number | null {
    const { refusing } = this.gate;
    return refusing === 'backoff' || refusing === 'start-failed' ? this.#againUsec : null;
  }

  /** The mean share of throttled periods of the last second; null where that is not known. */
  get throttledShare(): number | null {
    return this.#memory.shares.at(-1) ?? null;
  }

  /** Takes what the earlier niwad has counted. */
  adopt({ failures, startTimesUsec, lastFailure, counters }: Marks): void {
    this.starts.adopt(failures, startTimesUsec, lastFailure ?? null, this.parts.clock());
    this.earlier = counters ?? NO_COUNTERS;
  }

  /** Takes another declaration, which is on the disk already. */
  change(declaration: Declaration): void {
    if (declaration.revision !== this.#declaration.revision) this.starts.beginAnew();
    this.#declaration = declaration;
    this.wantAhead();
  }

  /** Lets its stock have ready what is declared: from now on a container may be made. */
  wantAhead(): void {
    wantAhead(this.stock, this.#declaration, (id) => this.instances.has(id) || this.parts.containers.has(id));
  }

  /** Decides what has to be done, and begins to do it. */
  decide(): void {
    this.#isAgain = true;
    if (this.#isDeciding || this.#isClosed) return;
    this.#isDeciding = true;
    try {
      for (let round = 0; this.#isAgain && round < MAX_ROUNDS; round++) this.#decideOnce();
    } catch (error) {
      this.complain('a decision failed', error);
    } finally {
      this.#isDeciding = false;
    }
  }

  /** Makes the record of a new instance, whose container has to be made or started. @param id of the container */
  add(id: string, replaces: string | null): ServiceInstance {
    const { service, revision } = this.#declaration;
    const mark: Mark = {
      ...{ id, revision, phase: 'starting', replaces, port: service.port, startedUsec: this.parts.clock() },
      ...{ readyUsec: null, routedUsec: null, unrouted: null, thawedUsec: null },
    };
    const instance = new ServiceInstance(mark);
    this.instances.set(id, instance);
    this.touch();
    return instance;
  }

  /** An instance answers over the way that requests take. */
  becomeReady(instance: ServiceInstance): void {
    const nowUsec = this.parts.clock();
    const { readyUsec, startedUsec } = instance.mark;
    // of an instance without a mark it is not known how long its start has taken
    const isStart = readyUsec === null && startedUsec <= (instance.runningUsec ?? startedUsec);
    if (isStart) this.starts.succeed(nowUsec - startedUsec);
    instance.becomeReady(nowUsec);
    this.touch();
    this.decide();
  }

  /** The container of an instance has died: no request goes to it from now on. Its end is recorded later. */
  hearDeath(instance: ServiceInstance, exit: Exit): void {
    const { id, mark } = instance;
    if (!instance.mayBecome('ending')) return;
    const how = howItEnded(instance, exit);
    const nowUsec = this.parts.clock();
    if (exit.reason === 'lifetime') this.starts.end('replaced', how, mark.readyUsec, nowUsec);
    else this.starts.fail(exit.reason, `instance ${id}: ${how}`, mark.readyUsec, nowUsec);
    instance.becomeEnding();
    this.touch();
    this.decide();
  }

  /** The container of an instance has ended, and its end is recorded. */
  hearEnd(instance: ServiceInstance, exit: Exit): void {
    this.hearDeath(instance, exit);
    this.drop(instance, howItEnded(instance, exit));
  }

  /** Forgets an instance whose container has gone. */
  drop(instance: ServiceInstance, why: string): void {
    instance.over.abort();
    if (!this.instances.delete(instance.id) || this.#isClosed) return;
    this.history.add('ended', instance.id, why);
    this.touch();
    this.decide();
    if (this.#declaration.isRemoved && this.instances.size === 0)
      this.inBackground('it cannot be forgotten', this.parts.finish(this.name));
  }

  /** What the marks hold has changed, and has to be written. */
  touch(): void {
    this.#isSaved = false;
  }

  /** Routes what is in the phase `routed`, and lets go what was held. Gives false where the data path has refused. */
  async applyRoutes(): Promise<boolean> {
    if (this.#declaration.isRemoved || this.#isClosed) return true;
    const routes = routesTo([...this.instances.values()], this.#declaration.service.listen);
    const areApplied = await this.gate.route(routes);
    const [instance] = this.routed;
    if (!areApplied || instance === undefined) return areApplied;
    const woken = this.wakes.release(instance, this.parts.clock());
    if (woken === null) return true;
    const { latency } = woken;
    this.minute.takeWake(latency);
    this.touch();
    const why = `requests have waited for ${Math.round(latency.total_usec / 1000)} ms`;
    this.parts.containers.tell('service-wake', this.#declaration.service, { instance: woken.instance, why, latency });
    return true;
  }

  /** Writes the marks of the instances, if they have changed. */
  save(): void {
    if (this.#isSaved || this.#isClosed) return;
    const instances = [...this.instances.values()].map(({ mark }) => mark);
    const { timesUsec, failures, last: lastFailure } = this.starts;
    const marks = { instances, startTimesUsec: [...timesUsec], failures, lastFailure, counters: countersOf(this) };
    this.#isSaved = this.parts.marks.save(this.name, marks);
  }

  /** Writes something down in the history, and tells it. */
  note(step: string, instance: string | null, why: string): void {
    this.history.add(step, instance, why);
    const type = TOLD[step];
    if (type !== undefined) this.parts.containers.tell(type, this.#declaration.service, { instance, why });
  }

  /** Tells what an operator has to know, also in the log of niwad. */
  complain(what: string, error?: unknown): void {
    const why = error === undefined ? what : `${what}: ${messageOf(error)}`;
    if (!this.history.isNews(why)) return;
    this.note('warn', null, why);
    this.parts.log.warn({ service: this.name, ...(error === undefined ? {} : { err: error }) }, why);
  }

  /** Lets work go on for which nobody waits: where it fails, an operator is told. */
  inBackground(what: string, work: Promise<unknown>): void {
    work.catch((error: unknown) => this.complain(what, error));
  }

  /** Ends all that waits; the instances go on. */
  close(): void {
    this.save();
    this.#isClosed = true;
    clearTimeout(this.#timer);
    for (const { over } of this.instances.values()) over.abort();
  }

  #decideOnce(): void {
    this.#isAgain = false;
    const { steps, memory, againUsec } = decide(this.#situation());
    this.#memory = memory;
    for (const step of steps) this.#begin(step);
    this.#wakeUpAt(againUsec);
    this.save();
    this.inBackground('its routes cannot be set', this.applyRoutes());
  }

  #begin(step: Step): void {
    const begun = this.#execute(this, step);
    if (begun !== null) this.note(step.do, begun.instance, step.why);
  }

  #situation(): Situation {
    const { service, revision, replaceBelow, hold, isRemoved } = this.#declaration;
    return {
      nowUsec: this.parts.clock(),
      ...{ service, revision, replaceBelow, hold, isRemoved },
      isDraining: this.parts.containers.isDraining,
      instances: [...this.instances.values()].map((instance) => instance.view()),
      waiting: this.wakes.waiting,
      refusing: this.gate.refusing,
      failures: this.starts.failures,
      startTimesUsec: this.starts.timesUsec,
      hasCpuController: this.parts.hasCpuController,
      cpuQuota: this.#cpuQuota(),
      memory: this.#memory,
    };
  }

  #cpuQuota(): Situation['cpuQuota'] {
    const newest = [...this.instances.values()].findLast(({ container }) => container !== null);
    const max = newest?.container?.spec.resources.cpu.max;
    return typeof max === 'number' ? { usec: quotaUsec(max), periodUsec: CPU_PERIOD_USEC } : null;
  }

  #wakeUpAt(usec: number | null): void {
    this.#againUsec = usec;
    clearTimeout(this.#timer);
    if (usec === null) return;
    const ms = Math.ceil((usec - this.parts.clock()) / 1000);
    const waitMs = Math.min(ms > 0 ? ms : SHORTEST_TIMER_MS, LONGEST_TIMER_MS);
    this.#timer = setTimeout(() => this.decide(), waitMs).unref();
  }
}
