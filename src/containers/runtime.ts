import { randomBytes } from 'node:crypto';
import { rmSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { type Allowed, type Caller, ROOT } from '../access/allowed.js';
import { type Operation, Policy } from '../access/operations.js';
import { requireLimitPermission } from '../access/permissions.js';
import type { Ledger } from '../accounting/ledger.js';
import { Sampler } from '../accounting/sampler.js';
import { requireState } from '../engine/actions.js';
import { Books } from '../engine/books.js';
import type { Container } from '../engine/container.js';
import { deadlineOf } from '../engine/deadline.js';
import { CAUSE } from '../engine/exit.js';
import { Maker, type Order, type StartWish } from '../engine/maker.js';
import { requireRoom } from '../engine/memory-use.js';
import { mayBeSlow, pathStarts } from '../engine/path-starts.js';
import { Stopwatch } from '../engine/phases.js';
import { Planner } from '../engine/planner.js';
import { Resources } from '../engine/resources/resources.js';
import type { StateFiles } from '../engine/state-files.js';
import { cureOfShortage, messageOf, NiwaError } from '../errors.js';
import type { CgroupTree } from '../host/cgroup.js';
import { resolveDevices } from '../host/devices.js';
import type { IdPool } from '../host/id-pool.js';
import { readBootId } from '../host/process.js';
import { load } from '../host/stored-file.js';
import { imageDefaults } from '../images/lookup.js';
import type { ImageStore } from '../images/store.js';
import { kernel } from '../kernel/addon.js';
import { isKernelError } from '../kernel/errors.js';
import type { KernelEvent } from '../kernel/kernel.js';
import type { LogStore } from '../logs/store.js';
import { type Failure, type Handle, native, type Started } from '../native.js';
import type { Networks } from '../network/networks.js';
import { undoWrites, updateWrites } from '../plan/resources.js';
import type { RuntimeEvent } from '../protocol/events.js';
import type { DrainStatus } from '../protocol/host.js';
import type { Planned } from '../protocol/plan.js';
import type { Hooks } from '../protocol/resolved-hooks.js';
import type { Spec } from '../protocol/resolved-spec.js';
import type { Bounds } from '../spec/ceilings.js';
import { mergeResources, parseResources } from '../spec/resources.js';
import { parseSpec } from '../spec/spec.js';
import { crashPoint } from '../test-hooks/crash-point.js';
import { type Attachment, attachTo } from './attach.js';
import { connectKeeper } from './connect-keeper.js';
import { ContainerHooks } from './container-hooks.js';
import { drainStatus } from './drain.js';
import { Endings } from './endings.js';
import { type Exec, execIn } from './exec.js';
import { makeContainer } from './making.js';
import { requireOwnDirectory } from './overlay-directories.js';
import { preview } from './preview.js';
import { Registry } from './registry.js';
import { type SettleOptions, settle } from './settle.js';
import { takeOver } from './take-over.js';

export interface StopOptions {
  /** Those of its spec unless given. */
  timeoutUsec?: number;
  signal?: string;
}

export interface RuntimeOptions {
  tree: CgroupTree;
  /** An empty directory to build roots on. */
  stage: string;
  stateFiles: StateFiles;
  /** Where the keeper listens. */
  keeperSocket: string;
  /** Is there while the node is drained. */
  drainFile: string;
  ledger: Ledger;
  idPool: IdPool;
  networks: Networks;
  logs: LogStore;
  images: ImageStore;
  /** What callers other than root may ask for. */
  allowed: Allowed;
  /** What a container gets whose spec sets no bound. */
  defaults: Bounds;
  /** The hooks of every container. */
  hooks: Hooks;
  log: Logger;
  sampleIntervalMs: number;
  /** How often a container that goes on gets a record of its use so far. */
  interimIntervalMs: number;
  /** How many exited containers are remembered; the oldest are forgotten first. */
  keepExited: number;
}

const TEND_INTERVAL_MS = 1000;
const CLOSE_POLL_MS = 5;
/** How long the end of a daemon waits for the ends of containers that are being written down: the next daemon can do it. */
const CLOSE_PATIENCE_MS = 5000;

/** The containers of one daemon: makes them, does what is asked of them, and hears how they end. */
export class Runtime {
  readonly #options: RuntimeOptions;
  readonly #bootId = readBootId();
  /** Decides who may do what. */
  readonly policy: Policy;
  readonly #registry: Registry;
  readonly #books: Books;
  readonly #containerHooks: ContainerHooks;
  readonly #endings: Endings;
  readonly #resources: Resources;
  readonly #settling: SettleOptions;
  readonly #planner: Planner;
  readonly #maker: Maker;
  /** What is being made, by id. */
  readonly #reserved = new Map<string, Spec>();
  /** An event may overtake the answer of the call that made its container. */
  readonly #early = new Map<Handle, KernelEvent[]>();
  #sampler: Sampler | undefined;
  #tending: NodeJS.Timeout | undefined;
  #connecting = false;
  #draining = false;
  #closing = false;

  /** @throws NiwaError HOST_ERROR where the host makes no threads */
  constructor(options: RuntimeOptions) {
    this.#options = options;
    this.policy = new Policy(options.allowed);
    this.#registry = new Registry(options.log);
    this.#books = new Books({ ...options, bootId: this.#bootId });
    const exec = (id: string, request: object, check: AbortSignal) =>
      execIn(this.get(id), request, ROOT, options.allowed, check);
    this.#containerHooks = new ContainerHooks({ ...options, registry: this.#registry, books: this.#books, exec });
    const parts = { registry: this.#registry, books: this.#books, containerHooks: this.#containerHooks };
    this.#resources = new Resources({ ...options, books: this.#books });
    this.#endings = new Endings({ ...options, ...parts, resources: this.#resources });
    this.#settling = { ...options, segment: options.networks.segment };
    this.#planner = new Planner({
      ...options,
      placeBytes: options.defaults.tmpfsBytes,
      members: options.networks.members,
      directoryOf: (id) => options.stateFiles.directoryOf(id),
    });
    this.#maker = new Maker({
      ...options,
      planner: this.#planner,
      resources: this.#resources,
      bootId: this.#bootId,
      liveHandle: (id) => this.#liveHandle(id),
      onMade: (container) => this.#add(container, 'create'),
      onNeverMade: (saved) => this.#endings.recordFailedStart(saved),
    });
    try {
      kernel.watch((event) => this.#hear(event));
    } catch (error) {
      throw isKernelError(error) ? threadsError(error.errno) : error;
    }
  }

  /**
   * Takes over the containers of the daemon before; to be called once, before anything else.
   * @throws NiwaError HOST_ERROR
   */
  async open(): Promise<void> {
    const { sampleIntervalMs } = this.#options;
    this.#draining = await this.#wasDraining();
    await takeOver({
      ...this.#options,
      registry: this.#registry,
      books: this.#books,
      endings: this.#endings,
      containerHooks: this.#containerHooks,
      bootId: this.#bootId,
      planner: this.#planner,
      resources: this.#resources,
      onAdded: (container) => this.#add(container, 'adopt'),
    });
    await this.#options.networks.open();
    this.#sampler = new Sampler(sampleIntervalMs, () => this.#registry.live().map(({ meter }) => meter), kernel);
    this.#tending = setInterval(() => void this.#tend(), TEND_INTERVAL_MS);
  }

  /** A node that was drained stays so where nobody can say whether it was. */
  async #wasDraining(): Promise<boolean> {
    const { drainFile, log } = this.#options;
    const found = await load(drainFile, () => true);
    if (found.state === 'damaged')
      log.error(
        { file: drainFile, reason: found.reason },
        'nobody can say whether this node is drained: it takes no containers until `niwa drain --undo`',
      );
    return found.state !== 'missing';
  }

  get tree(): CgroupTree {
    return this.#options.tree;
  }

  list(): Container[] {
    return this.#registry.list();
  }

  /** @throws NiwaError NOT_FOUND */
  get(id: string): Container {
    return this.#registry.get(id);
  }

  /** The directories that are roots, or layers of roots, of containers that have not exited. */
  layersInUse(): Set<string> {
    return new Set(this.#registry.live().flatMap(({ spec }) => spec.root.layers ?? []));
  }

  /** Calls `listener` with every event from now on; gives what ends that. */
  subscribe(listener: (event: RuntimeEvent) => void): () => void {
    return this.#registry.subscribe(listener);
  }

  /**
   * Makes a container that waits to be started.
   * @throws NiwaError FORBIDDEN, SPEC_INVALID, HOST_UNSUPPORTED, ID_IN_USE, DRAINING, START_FAILED, HOOK_FAILED, HOST_ERROR;
   *   then nothing was made, or all was undone
   */
  async create(input: unknown, caller: Caller): Promise<Container> {
    this.policy.require('createContainer', caller);
    return this.#making(input, caller, async (container) => {
      this.#refuseNew(); // it may have begun to drain meanwhile
      this.#books.save(container, 'created');
      crashPoint('created-saved');
    });
  }

  /** Gives what a start of a spec would do, see {@link preview}. */
  async plan(input: unknown, caller: Caller): Promise<Planned> {
    this.policy.require('planContainer', caller);
    return preview(input, caller, { ...this.#settling, images: this.#options.images, planner: this.#planner });
  }

  /**
   * Starts a created container. Where that fails, the container has exited with the reason `start-failed`; not where it was
   * refused.
   * @throws NiwaError NOT_FOUND, STATE_CONFLICT, DRAINING, TOO_MANY_REQUESTS, START_FAILED, HOOK_FAILED
   */
  async start(id: string, caller: Caller): Promise<Container> {
    const container = this.#getFor('startContainer', caller, id);
    const requireStartable = () => {
      this.#refuseNew();
      requireState('start', id, container.state);
    };
    const begin = async () => {
      requireStartable(); // it may have ended while it waited for its turn
      const { lifetimeNs, deadline } = startWish(container.spec);
      this.#begin(container, await container.control.start(lifetimeNs, deadline));
    };
    await container.turns.run(async () => {
      requireStartable();
      await (mayBeSlow(container.spec) ? pathStarts.run(`user ${caller.uid}`, begin) : begin());
      await this.#requireStarted(container);
    });
    await this.#afterStart(container);
    return container;
  }

  /**
   * Makes and starts a container in one call. Where that fails, nothing of it is left but its usage record.
   * @throws NiwaError as create() and start() do
   */
  async run(input: unknown, caller: Caller): Promise<Container> {
    this.policy.require('createContainer', caller);
    const step = async (container: Container) => {
      if (container.started === null) return void (await this.start(container.id, caller));
      await this.#requireStarted(container);
      await this.#afterStart(container);
    };
    return this.#making(input, caller, step, startWish);
  }

  /**
   * Ends a container: its stop signal (or `signal`) now, the kill after the timeout.
   * @returns when its usage record is written
   * @throws NiwaError NOT_FOUND, STATE_CONFLICT
   */
  async stop(id: string, caller: Caller, options: StopOptions = {}): Promise<Container> {
    const container = this.#getFor('stopContainer', caller, id);
    requireState('stop', id, container.state);
    container.control.beginStop(options.timeoutUsec, options.signal);
    await container.exited;
    return container;
  }

  /**
   * Makes a further process in a container that runs.
   * @param input what src/spec/exec.ts describes
   * @throws NiwaError NOT_FOUND, SPEC_INVALID, FORBIDDEN, STATE_CONFLICT, START_FAILED; then nothing is left of it
   */
  async exec(id: string, input: unknown, caller: Caller): Promise<Exec> {
    return execIn(this.#getFor('execInContainer', caller, id), input, caller, this.#options.allowed);
  }

  /**
   * Takes part in a container from outside: hears its output, and writes to its terminal where it has one.
   * @throws NiwaError NOT_FOUND, FORBIDDEN, STATE_CONFLICT
   */
  async attach(id: string, caller: Caller): Promise<Attachment> {
    return attachTo(this.#getFor('attachToContainer', caller, id), caller, this.#options.allowed);
  }

  /** Sends a signal to the first process of a container. @throws NiwaError NOT_FOUND, STATE_CONFLICT, HOST_ERROR */
  kill(id: string, caller: Caller, signal: string): Container {
    const container = this.#getFor('killContainer', caller, id);
    requireState('kill', id, container.state);
    container.control.signal(signal);
    this.#books.save(container);
    return container;
  }

  /** Freezes every process of a container. @throws NiwaError NOT_FOUND, STATE_CONFLICT, HOST_ERROR */
  pause(id: string, caller: Caller): Promise<Container> {
    return this.#setFrozen(this.#getFor('pauseContainer', caller, id), true);
  }

  /** Lets a paused container go on. @throws NiwaError NOT_FOUND, STATE_CONFLICT, HOST_ERROR */
  resume(id: string, caller: Caller): Promise<Container> {
    return this.#setFrozen(this.#getFor('resumeContainer', caller, id), false);
  }

  /**
   * Changes limits of a live container; a field that is left out stays.
   * @throws NiwaError NOT_FOUND, STATE_CONFLICT, SPEC_INVALID, FORBIDDEN, HOST_UNSUPPORTED, HOST_ERROR; then all limits are as before
   */
  async update(
    id: string,
    input: unknown,
    caller: Caller,
    { force = false }: { force?: boolean } = {},
  ): Promise<Container> {
    const container = this.#getFor('updateContainer', caller, id);
    const change = parseResources(input);
    requireLimitPermission(change, caller, this.#options.allowed);
    await container.turns.run(async () => {
      requireState('update', id, container.state);
      const now = container.spec.resources;
      const merged = mergeResources(now, change);
      const { controllers } = this.#options.tree;
      const devices = await resolveDevices([...now.io, ...change.io], `user ${caller.uid}`);
      const writes = updateWrites(now, change, controllers, devices);
      if (!force) requireRoom(id, container.cgroup, change.memory.maxBytes);
      container.control.writeLimits(writes, undoWrites(now, writes, controllers, devices));
      const defaulted = (container.spec.defaulted ?? []).filter((file) => !writes.some((write) => write.file === file));
      container.changeSpec({ resources: merged, defaulted });
      this.#books.save(container);
      this.#registry.tell('update', container.spec);
    });
    return container;
  }

  /**
   * Moves the deadline of a container that has not begun to end; a deadline in the past ends it at once.
   * @param change the lifetime from its start, or what remains from now, in microseconds; null for no deadline
   * @throws NiwaError NOT_FOUND, STATE_CONFLICT
   */
  async setLifetime(
    id: string,
    caller: Caller,
    change: { lifetimeUsec: number | null } | { remainingUsec: number },
  ): Promise<Container> {
    const container = this.#getFor('setLifetime', caller, id);
    await container.turns.run(async () => {
      requireState('change the lifetime of', id, container.state);
      const started = container.startedAt !== null;
      if ('remainingUsec' in change) {
        if (!started)
          throw new NiwaError('STATE_CONFLICT', `container ${id} has not started: set its lifetime instead`);
        container.control.moveDeadline(native.boottimeNs() + BigInt(change.remainingUsec) * 1000n);
      } else {
        const atNs = change.lifetimeUsec === null ? 0n : container.life.startedNs + BigInt(change.lifetimeUsec) * 1000n;
        if (started) container.control.moveDeadline(atNs);
        container.changeSpec({ lifetimeUsec: change.lifetimeUsec, jitterUsec: 0 }); // what was said last is exact
      }
      this.#books.save(container);
      this.#registry.tell('lifetime', container.spec);
    });
    return container;
  }

  /** Forgets an exited container; with `force`, ends it first. @throws NiwaError NOT_FOUND, STATE_CONFLICT */
  async remove(id: string, caller: Caller, { force }: { force: boolean }): Promise<void> {
    const container = this.#getFor('removeContainer', caller, id);
    if (force && container.state !== 'exited') await this.stop(id, caller, { timeoutUsec: 0 });
    requireState('remove', id, container.state);
    this.#endings.forget(container);
  }

  /**
   * Takes no new containers until {@link undrain}, also after a restart, and ends those that were never started: no lifetime
   * would.
   * @throws NiwaError FORBIDDEN
   */
  drain(caller: Caller): DrainStatus {
    this.policy.require('drain', caller);
    writeFileSync(this.#options.drainFile, '');
    this.#draining = true;
    for (const container of this.list()) if (container.state === 'created') container.control.beginStop();
    return this.drainStatus();
  }

  /** @throws NiwaError FORBIDDEN */
  undrain(caller: Caller): DrainStatus {
    this.policy.require('undrain', caller);
    rmSync(this.#options.drainFile, { force: true });
    this.#draining = false;
    return this.drainStatus();
  }

  drainStatus(): DrainStatus {
    return drainStatus(this.#draining, this.list());
  }

  /** Waits until every container has exited. */
  async drained(): Promise<void> {
    for (let live = this.#registry.live(); live.length > 0 || this.#reserved.size > 0; live = this.#registry.live()) {
      await Promise.all(live.map(({ exited }) => exited));
      if (this.#reserved.size > 0) await sleep(CLOSE_POLL_MS);
    }
  }

  /**
   * Lets go of all containers: what is being made or written down is waited for, the rest goes on under the keeper.
   * @returns how many go on
   */
  async close(): Promise<number> {
    this.#closing = true;
    this.#sampler?.stop();
    clearInterval(this.#tending);
    this.#containerHooks.stopRepeating();
    const patience = sleep(CLOSE_PATIENCE_MS, undefined, { ref: false });
    await Promise.race([this.#settled(), patience]);
    await this.#containerHooks.kill();
    for (const container of this.#registry.live()) this.#books.save(container);
    return this.#registry.live().length;
  }

  async #settled(): Promise<void> {
    while (this.#reserved.size > 0) await sleep(CLOSE_POLL_MS);
    await Promise.all(this.#registry.live().map((container) => container.turns.run(async () => {})));
    await this.#endings.settled();
    await this.#containerHooks.settled();
  }

  #refuseNew(): void {
    if (this.#closing)
      throw new NiwaError('DAEMON_UNREACHABLE', 'niwad is stopping and starts nothing any more: ask the next one');
    if (this.#draining)
      throw new NiwaError(
        'DRAINING',
        'this node is being drained and takes no containers; `niwa drain --undo` ends that',
      );
  }

  /**
   * Makes a container and takes the step after which its client hears of it. Where that fails, nothing is left; the state of
   * the container says `making` until then, so that after a crash the next daemon undoes it.
   */
  async #making(
    input: unknown,
    caller: Caller,
    step: (container: Container) => Promise<void>,
    wishOf: (spec: Spec) => StartWish | null = () => null,
  ): Promise<Container> {
    const watch = new Stopwatch();
    const { images } = this.#options;
    const written = parseSpec(input, this.#freeId(), (name) => imageDefaults(images, name));
    const unpin = images.pin(written.root.layers);
    try {
      const spec = await settle(written, caller, this.#settling);
      const release = this.#reserve(spec);
      watch.lap('spec');
      const { networks } = this.#options;
      const parts = { maker: this.#maker, containerHooks: this.#containerHooks, endings: this.#endings, networks };
      const make = async () => {
        const order: Order = { spec, asker: `user ${caller.uid}`, watch, start: wishOf(spec) };
        const container = await makeContainer(order, parts);
        await step(container).catch((error: unknown) => this.#endings.undo(container, error));
        return container;
      };
      return await make().finally(release);
    } finally {
      unpin();
    }
  }

  /** Keeps the id of a spec, and what it keeps, from others until the function that it gives is called. */
  #reserve(spec: Spec): () => void {
    this.#refuseNew();
    if (this.#registry.has(spec.id) || this.#reserved.has(spec.id))
      throw new NiwaError('ID_IN_USE', `a container ${spec.id} exists already; remove it first, or take another id`);
    requireOwnDirectory(spec, this.#liveSpecs());
    this.#reserved.set(spec.id, spec);
    return () => this.#reserved.delete(spec.id);
  }

  /** The specs of all that live or are being made; of no cost to whom does not look. */
  *#liveSpecs(): Iterable<Spec> {
    yield* this.#reserved.values();
    for (const { spec } of this.#registry.live()) yield spec;
  }

  /** Takes what came of a start; at once, so that an end which is heard of next finds it. */
  #begin(container: Container, result: Started | Failure): void {
    crashPoint('started');
    if (!container.takeStart(result)) return;
    this.#books.save(container, 'started');
    crashPoint('started-saved');
    this.#registry.tell('start', container.spec);
    this.#containerHooks.attend(container);
  }

  /** @throws NiwaError START_FAILED when it has ended */
  async #requireStarted(container: Container): Promise<void> {
    const { startError } = container;
    if (startError === null) return;
    await this.#endings.ended(container);
    throw startError;
  }

  /** @throws NiwaError HOOK_FAILED when it has ended */
  async #afterStart(container: Container): Promise<void> {
    await this.#containerHooks.afterStart(container).catch((error: unknown) => this.#endings.fail(container, error));
  }

  #add(container: Container, event: 'create' | 'adopt'): void {
    this.#registry.add(container);
    this.#registry.tell(event, container.spec);
    if (event === 'adopt' && container.life.hasStarted) this.#containerHooks.attend(container, true);
    if (container.started !== null) this.#begin(container, container.started);
    for (const early of this.#early.get(container.handle) ?? []) this.#hear(early);
    this.#early.delete(container.handle);
  }

  /** @throws NiwaError NOT_FOUND, STATE_CONFLICT where it has ended */
  #liveHandle(id: string): Handle {
    const { handle, state } = this.get(id);
    if (state === 'exited') throw new NiwaError('STATE_CONFLICT', `container ${id} has exited: its network is gone`);
    return handle;
  }

  async #setFrozen(container: Container, frozen: boolean): Promise<Container> {
    await container.turns.run(async () => {
      await container.control.setFrozen(frozen);
      this.#registry.tell(frozen ? 'pause' : 'resume', container.spec);
    });
    return container;
  }

  /** Gives the container that a caller wants to do something to. @throws NiwaError FORBIDDEN, NOT_FOUND */
  #getFor(operation: Operation, caller: Caller, id: string): Container {
    this.policy.require(operation, caller);
    return this.get(id);
  }

  #hear(event: KernelEvent): void {
    const container = this.#registry.behind(event.handle);
    if (event.type === 'output') {
      container?.log.hear();
    } else if (event.type === 'log-error') {
      this.#options.logs.hearError(event, container?.id);
    } else if (container === undefined) {
      this.#early.set(event.handle, [...(this.#early.get(event.handle) ?? []), event]);
    } else if (event.type === 'stopping') {
      container.life.beginEnd();
      this.#registry.tell('stopping', container.spec);
      this.#containerHooks.stopping(container);
    } else {
      this.#endings.follow(this.#endings.finish(container, event));
    }
  }

  /** What has to be seen to from time to time: states that wait, records of what goes on, a keeper that is gone. */
  async #tend(): Promise<void> {
    const { keeperSocket, log } = this.#options;
    this.#books.writeWhatIsDue(this.#registry.live());
    this.#containerHooks.setHeard();
    if (native.keeperAlive() || this.#connecting) return;
    log.warn('the keeper is gone, or hangs: starting another');
    this.#connecting = true;
    try {
      for (const id of await connectKeeper(keeperSocket)) native.keeperDrop(id); // it is none of ours
    } catch (error) {
      log.error({ err: error }, messageOf(error));
    }
    this.#connecting = false;
  }

  #freeId(): string {
    for (;;) {
      const id = randomBytes(6).toString('hex');
      if (!this.#registry.has(id) && !this.#reserved.has(id)) return id;
    }
  }
}

function threadsError(errno: string): NiwaError {
  return new NiwaError('HOST_ERROR', `cannot make the threads of niwad: ${errno}; ${cureOfShortage(errno) ?? ''}`);
}

/** What a start asks of the addon: the lifetime, with this start's share of the jitter, and how it ends. */
function startWish(spec: Spec): StartWish {
  const lifetimeNs = BigInt(effectiveLifetimeUsec(spec, Math.random())) * 1000n;
  return { lifetimeNs, deadline: deadlineOf(spec, 0n, CAUSE.lifetime) };
}

/** The lifetime less its share of the jitter; 0 for none. `draw` is from 0 to 1. The lifetime stays an upper bound. */
export function effectiveLifetimeUsec({ lifetimeUsec, jitterUsec }: Spec, draw: number): number {
  return lifetimeUsec === null ? 0 : Math.max(1, Math.round(lifetimeUsec - draw * jitterUsec));
}
