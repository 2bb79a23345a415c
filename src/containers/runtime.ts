import { setTimeout as sleep } from 'node:timers/promises';
import type { Caller } from '../access/allowed.js';
import { Policy } from '../access/operations.js';
import { Books } from '../engine/books.js';
import type { Container } from '../engine/container.js';
import { Maker } from '../engine/maker.js';
import { Planner } from '../engine/planner.js';
import { Resources } from '../engine/resources/resources.js';
import type { Check } from '../hooks/readiness.js';
import type { CgroupTree } from '../host/cgroup.js';
import { cureOfShortage } from '../host/errors.js';
import { readBootId } from '../host/process.js';
import { isKernelError } from '../kernel/errors.js';
import type { KernelEvent } from '../kernel/kernel.js';
import type { Exit } from '../protocol/container.js';
import { NiwaError } from '../protocol/errors.js';
import type { RuntimeEvent, ServiceEventFields, ServiceEventType } from '../protocol/events.js';
import type { ReadyCheck } from '../protocol/resolved-hooks.js';
import type { Service } from '../protocol/resolved-service.js';
import type { InstanceOf } from '../protocol/resolved-spec.js';
import { Admission } from './admission.js';
import { ContainerHooks } from './container-hooks.js';
import { Endings } from './endings.js';
import type { EventLog } from './events/event-log.js';
import { type Ahead, makeAhead, startAhead, throwAway, whyUnfit } from './operations/ahead.js';
import { attach } from './operations/attach.js';
import { create, run } from './operations/create.js';
import { type BornOrder, createBorn, startBorn } from './operations/create-born.js';
import { drain, readDrain, undrain } from './operations/drain.js';
import { dump } from './operations/dump.js';
import { exec, execDetached } from './operations/exec.js';
import { type Copy, copy } from './operations/files.js';
import { pause, resume } from './operations/freeze.js';
import { kill } from './operations/kill.js';
import { type LifetimeChange, setLifetime } from './operations/lifetime.js';
import { plan } from './operations/plan.js';
import { remove } from './operations/remove.js';
import { restart } from './operations/restart.js';
import { start } from './operations/start.js';
import { type StopOptions, stop } from './operations/stop.js';
import { update } from './operations/update.js';
import { type LimitCompiler, writeLimits } from './operations/write-limits.js';
import type { Parts } from './parts.js';
import { type DeathListener, Registry } from './registry.js';
import { rerun } from './restarts/rerun.js';
import { Restarts } from './restarts/restarts.js';
import type { RuntimeOptions } from './runtime-options.js';
import { SeenSpecs } from './seen-specs.js';
import { takeStart } from './starting.js';
import { takeOver } from './take-over.js';
import { Tending } from './tending.js';

const CLOSE_POLL_MS = 5;
/** How long a stopping daemon waits until the ends of containers are recorded. The next daemon records the rest. */
const CLOSE_PATIENCE_MS = 5000;

/** The containers of one daemon, and the index of all operations on them: each operation is a file of operations/. */
export class Runtime {
  readonly #options: RuntimeOptions;
  readonly #bootId = readBootId();
  readonly #parts: Parts;
  readonly #resources: Resources;
  #tending: Tending | undefined;

  /** @throws NiwaError HOST_ERROR if the host can make no threads */
  constructor(options: RuntimeOptions) {
    this.#options = options;
    const bootId = this.#bootId;
    const registry = new Registry(options.events, options.log);
    const books = new Books({ ...options, bootId });
    const containerHooks = new ContainerHooks({ ...options, registry, books });
    const resources = new Resources({ ...options, books });
    const restarts = new Restarts({
      ...{ registry, books, log: options.log },
      again: async (container) => void (await rerun(this.#parts, container, null)),
    });
    const onOver = (container: Container, exit: Exit) => restarts.ended(container, exit);
    const endings = new Endings({ ...options, registry, books, containerHooks, resources, onOver });
    const planner = new Planner({
      ...options,
      placeBytes: options.defaults.tmpfsBytes,
      members: options.networks.members,
      directoryOf: (id) => options.states.directoryOf(id),
    });
    const maker = new Maker({
      ...options,
      planner,
      resources,
      bootId,
      liveHandle: (id) => registry.liveHandle(id),
      onMaking: (handle, made) => registry.expect(handle, made),
      onMade: (container) => this.#add(container, 'create'),
      onNeverMade: (saved) => endings.recordFailedStart(saved),
    });
    this.#resources = resources;
    this.#parts = {
      ...options,
      ...{ registry, books, containerHooks, endings, restarts, planner, maker },
      get: (id) => this.get(id),
      policy: new Policy(options.allowed),
      admission: new Admission(registry, options.drainFile),
      seenSpecs: new SeenSpecs(),
      settling: { ...options, segment: options.networks.segment, freePorts: options.networks.freePorts },
    };
    try {
      options.kernel.watch((event) => this.#hear(event));
    } catch (error) {
      throw isKernelError(error) ? threadsError(error.errno) : error;
    }
  }

  /**
   * Takes over the containers of the earlier daemon; to be called once, before any other method.
   * @throws NiwaError HOST_ERROR
   */
  async open(): Promise<void> {
    const options = { ...this.#options, ...this.#parts };
    await this.#parts.admission.open(options.log);
    await takeOver({
      ...options,
      resources: this.#resources,
      bootId: this.#bootId,
      onAdded: (container) => this.#add(container, 'adopt'),
    });
    await options.networks.open();
    this.#tending = new Tending(options);
    this.#parts.restarts.open();
  }

  /** The directory of a container, which goes with it. */
  directoryOf(id: string): string {
    return this.#options.states.directoryOf(id);
  }

  get tree(): CgroupTree {
    return this.#options.tree;
  }

  /** Decides which caller may do which operation. */
  get policy(): Policy {
    return this.#parts.policy;
  }

  list(): Container[] {
    return this.#parts.registry.list();
  }

  /** @throws NiwaError NOT_FOUND */
  get(id: string): Container {
    return this.#parts.registry.get(id);
  }

  /** Sets what is said of a name that no container has. @param hintFor gives `""` where there is nothing to say */
  hintForMissing(hintFor: (id: string) => string): void {
    this.#parts.registry.hintFor = hintFor;
  }

  has(id: string): boolean {
    return this.#parts.registry.has(id);
  }

  /** Whether the node is drained: no container is made or started. */
  get isDraining(): boolean {
    return this.#parts.admission.isDraining;
  }

  /** How many containers are being made. */
  get making(): number {
    return this.#parts.admission.making;
  }

  readonly specs = () => this.#parts.admission.specs();

  /** The stored and future events of containers. */
  get events(): EventLog {
    return this.#options.events;
  }

  /** Calls `listener` with every event from now on; returns a function that ends this. */
  subscribe(listener: (event: RuntimeEvent) => void): () => void {
    return this.#parts.registry.subscribe(listener);
  }

  /** Calls `listener` as soon as a container has died, before its end is recorded and the exit event is told. */
  onDeath(listener: DeathListener): void {
    this.#parts.registry.onDeath(listener);
  }

  /** Tells what happened to a service. */
  tell(type: ServiceEventType, { name, owner, labels }: Service, fields: ServiceEventFields): void {
    this.#parts.registry.tell(type, { id: name, owner, labels, service: { name } }, fields);
  }

  /** Makes the check by which a container is asked whether it works. */
  checkOf(container: Container, check: ReadyCheck): Check {
    return this.#parts.containerHooks.checkOf(container, check);
  }

  readonly create = (input: unknown, caller: Caller) => create(this.#parts, caller, input);
  readonly run = (input: unknown, caller: Caller, service: InstanceOf | null = null) =>
    run(this.#parts, caller, input, service);
  readonly makeAhead = (input: { id: string }, caller: Caller, service: InstanceOf | null) =>
    makeAhead(this.#parts, caller, input, service);
  readonly whyUnfit = (ahead: Ahead) => whyUnfit(this.#parts, ahead);
  readonly startAhead = (ahead: Ahead) => startAhead(this.#parts, ahead);
  readonly throwAway = (ahead: Ahead) => throwAway(this.#parts, ahead);
  readonly createBorn = (orderOf: (id: string) => BornOrder) => createBorn(this.#parts, orderOf);
  readonly startBorn = (id: string) => startBorn(this.#parts, id);
  readonly plan = (input: unknown, caller: Caller) => plan(this.#parts, caller, input);
  readonly start = (id: string, caller: Caller) => start(this.#parts, caller, id);
  readonly stop = (id: string, caller: Caller, options: StopOptions = {}) => stop(this.#parts, caller, id, options);
  readonly restart = (id: string, caller: Caller, options: StopOptions = {}) =>
    restart(this.#parts, caller, id, options);
  readonly kill = (id: string, caller: Caller, signal: string) => kill(this.#parts, caller, id, signal);
  readonly pause = (id: string, caller: Caller) => pause(this.#parts, caller, id);
  readonly resume = (id: string, caller: Caller) => resume(this.#parts, caller, id);
  readonly update = (id: string, input: unknown, caller: Caller, options: { force?: boolean } = {}) =>
    update(this.#parts, caller, id, input, options);
  readonly writeLimits = (id: string, compile: LimitCompiler) => writeLimits(this.#parts, id, compile);
  readonly dump = (container: Container, act: () => Promise<void>) => dump(this.#parts, container, act);
  readonly setLifetime = (id: string, caller: Caller, change: LifetimeChange) =>
    setLifetime(this.#parts, caller, id, change);
  readonly remove = (id: string, caller: Caller, options: { force: boolean }) =>
    remove(this.#parts, caller, id, options);
  readonly exec = (id: string, input: unknown, caller: Caller) => exec(this.#parts, caller, id, input);
  readonly execDetached = (id: string, input: unknown, caller: Caller) => execDetached(this.#parts, caller, id, input);
  readonly attach = (id: string, caller: Caller, wantsInput: boolean) => attach(this.#parts, caller, id, wantsInput);
  readonly copy = (id: string, what: Copy, caller: Caller) => copy(this.#parts, caller, id, what);
  readonly drain = (caller: Caller) => drain(this.#parts, caller);
  readonly undrain = (caller: Caller) => undrain(this.#parts, caller);
  readonly drainStatus = () => readDrain(this.#parts);

  /** Waits until every container has exited. */
  async drained(): Promise<void> {
    const { registry, admission } = this.#parts;
    for (let live = registry.live(); live.length > 0 || admission.isMaking; live = registry.live()) {
      await Promise.all(live.map(({ exited }) => exited));
      if (admission.isMaking) await sleep(CLOSE_POLL_MS);
    }
  }

  /**
   * Releases all containers. Waits for the containers that are being made and the ends that are being recorded; all
   * others go on under the keeper.
   * @returns the number of containers that go on
   */
  async close(): Promise<number> {
    const { admission, registry, books, containerHooks, restarts } = this.#parts;
    admission.close();
    restarts.close();
    this.#tending?.stop();
    containerHooks.stopRepeating();
    const patience = sleep(CLOSE_PATIENCE_MS, undefined, { ref: false });
    await Promise.race([this.#settled(), patience]);
    await containerHooks.kill();
    for (const container of registry.live()) books.save(container);
    return registry.live().length;
  }

  async #settled(): Promise<void> {
    const { admission, registry, endings, containerHooks } = this.#parts;
    while (admission.isMaking) await sleep(CLOSE_POLL_MS);
    await Promise.all(registry.live().map((container) => container.turns.run(async () => {})));
    await endings.settled();
    await containerHooks.settled();
  }

  #add(container: Container, event: 'create' | 'adopt'): void {
    const { registry, containerHooks } = this.#parts;
    registry.add(container);
    registry.tell(event, container.spec);
    if (event === 'adopt' && container.life.hasStarted) containerHooks.attend(container, true);
    if (container.started !== null) void takeStart(this.#parts, container, container.started);
  }

  #hear(event: KernelEvent): void {
    const { registry, containerHooks, endings } = this.#parts;
    const container = registry.behind(event.handle);
    if (container === undefined && registry.whenMade(event.handle, () => this.#hear(event))) return;
    if (event.type === 'log-error') {
      this.#options.logs.hearError(event, container?.id);
    } else if (container === undefined) {
      return; // it has gone
    } else if (event.type === 'output') {
      container.log.hear();
    } else if (event.type === 'stopping') {
      container.life.beginEnd();
      registry.tell('stopping', container.spec);
      containerHooks.stopping(container);
    } else {
      endings.follow(endings.finish(container, event));
    }
  }
}

function threadsError(errno: string): NiwaError {
  return new NiwaError('HOST_ERROR', `cannot make the threads of niwad: ${errno}; ${cureOfShortage(errno) ?? ''}`);
}
