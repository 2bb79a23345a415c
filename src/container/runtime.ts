import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Ledger, UsageRecord } from '../accounting/ledger.js';
import { Sampler } from '../accounting/sampler.js';
import { messageOf, NiwaError } from '../errors.js';
import { type CgroupTree, removeGroup } from '../host/cgroup.js';
import { resolveDeviceNodes, resolveDevices } from '../host/devices.js';
import type { IdPool, IdRange } from '../host/id-pool.js';
import { compileSeccomp } from '../host/seccomp.js';
import { resolveSources } from '../host/sources.js';
import type { LogStore } from '../logs/store.js';
import { type ExitEvent, errnoName, isFailure, type LogErrorEvent, type NativeEvent, native } from '../native.js';
import { encodeProgram } from '../plan/encode.js';
import { makePlan, type Plan } from '../plan/plan.js';
import { undoWrites, updateWrites } from '../plan/resources.js';
import { idOutside, mapFile } from '../plan/userns.js';
import { mergeResources, parseResources } from '../spec/resources.js';
import { signalNumber } from '../spec/signals.js';
import { parseSpec, type Spec } from '../spec/spec.js';
import { Container, wallTime } from './container.js';
import { CAUSE } from './exit.js';
import { startError } from './failure.js';
import { type Allowed, type Caller, requirePermission } from './permissions.js';
import { requireState } from './state.js';
import type { Exit } from './status.js';

export type RuntimeEventType =
  | 'create'
  | 'start'
  | 'start-failed'
  | 'update'
  | 'lifetime'
  | 'pause'
  | 'resume'
  | 'stopping'
  | 'exit'
  | 'remove';

/** Something that happened to a container. */
export interface RuntimeEvent {
  type: RuntimeEventType;
  id: string;
  at: string;
  /** With `exit`. */
  exit?: Exit;
}

export interface RuntimeOptions {
  tree: CgroupTree;
  /** An empty directory to build roots on. */
  stage: string;
  ledger: Ledger;
  idPool: IdPool;
  logs: LogStore;
  /** What callers other than root may ask for. */
  allowed: Allowed;
  log: Logger;
  sampleIntervalMs: number;
  /** How many exited containers are remembered; the oldest are forgotten first. */
  keepExited: number;
}

const ROOT: Caller = { uid: 0 };
const NO_IDS: IdRange = { start: 0, size: 0 };
const FREEZE_TIMEOUT_MS = 5000;
const LEDGER_RETRY_MS = 1000;
const CLOSE_POLL_MS = 5;

/** The containers of one daemon: makes them, hears how they end, and writes it down. */
export class Runtime {
  readonly #options: RuntimeOptions;
  readonly #containers = new Map<string, Container>();
  readonly #byHandle = new Map<number, Container>();
  /** Ids that are being made. */
  readonly #reserved = new Set<string>();
  /** An event may overtake the answer of the call that made its container. */
  readonly #early = new Map<number, NativeEvent[]>();
  /** Handles of containers whose output cannot be stored. */
  readonly #unstored = new Set<number>();
  readonly #listeners = new Set<(event: RuntimeEvent) => void>();
  readonly #sampler: Sampler;
  readonly #filtersDevices = native.canFilterDevices();
  #closing = false;

  constructor(options: RuntimeOptions) {
    this.#options = options;
    native.watch((event) => this.#hear(event));
    this.#sampler = new Sampler(options.sampleIntervalMs, () => this.list().filter(({ state }) => state !== 'exited'));
  }

  get tree(): CgroupTree {
    return this.#options.tree;
  }

  list(): Container[] {
    return [...this.#containers.values()];
  }

  /** @throws NiwaError NOT_FOUND */
  get(id: string): Container {
    const container = this.#containers.get(id);
    if (container === undefined) throw new NiwaError('NOT_FOUND', `there is no container ${id}`);
    return container;
  }

  /** Calls `listener` with every event from now on; gives what ends that. */
  subscribe(listener: (event: RuntimeEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Makes a container that waits to be started.
   * @throws NiwaError FORBIDDEN, SPEC_INVALID, HOST_UNSUPPORTED, ID_IN_USE, START_FAILED; then nothing was made, or all was undone
   */
  async create(input: unknown, caller: Caller = ROOT): Promise<Container> {
    const spec = resolveSources(parseSpec(input, this.#freeId()));
    requirePermission(spec, caller, this.#options.allowed);
    this.#refuseWhileClosing();
    if (this.#containers.has(spec.id) || this.#reserved.has(spec.id))
      throw new NiwaError('ID_IN_USE', `a container ${spec.id} exists already; remove it first, or take another id`);
    this.#reserved.add(spec.id);
    let idRange: IdRange | null = null;
    try {
      if (spec.userns === 'auto') idRange = this.#options.idPool.take();
      return await this.#spawn(spec, this.#plan(spec, idRange ?? NO_IDS), idRange);
    } catch (error) {
      if (idRange !== null) this.#options.idPool.release(idRange);
      throw error;
    } finally {
      this.#reserved.delete(spec.id);
    }
  }

  /**
   * Starts a created container. Where that fails, the container has exited with the reason `start-failed`.
   * @throws NiwaError NOT_FOUND, STATE_CONFLICT, START_FAILED
   */
  async start(id: string): Promise<Container> {
    const container = this.get(id);
    await container.lock.run(async () => {
      this.#refuseWhileClosing();
      requireState('start', id, container.state);
      const lifetimeNs = BigInt(effectiveLifetimeUsec(container.spec, Math.random())) * 1000n;
      container.starting = native.start(container.handle, lifetimeNs, container.deadline(0n, CAUSE.lifetime));
      const result = await container.starting;
      if (isFailure(result)) {
        container.startFailed = true;
        await container.exited;
        throw startError(container.plan, result);
      }
      container.startedAt = wallTime(result.startedNs);
      container.startedNs = result.startedNs;
      container.deadlineAt = result.deadlineNs === 0n ? null : wallTime(result.deadlineNs);
      if (container.state === 'created') container.state = 'running';
      this.#tell('start', id);
    });
    return container;
  }

  /**
   * Makes and starts a container in one call. Where that fails, nothing of it is left but its usage record.
   * @throws NiwaError as create() and start() do
   */
  async run(input: unknown, caller: Caller = ROOT): Promise<Container> {
    const container = await this.create(input, caller);
    try {
      return await this.start(container.id);
    } catch (error) {
      if (container.startFailed) this.#forget(container);
      throw error;
    }
  }

  /**
   * Ends a container: its stop signal (or `signal`) now, the kill after the timeout.
   * @returns when its usage record is written
   * @throws NiwaError NOT_FOUND, STATE_CONFLICT
   */
  async stop(id: string, options: { timeoutUsec?: number; signal?: string } = {}): Promise<Container> {
    const container = this.get(id);
    requireState('stop', id, container.state);
    const { spec } = container;
    container.beginStop(options.timeoutUsec ?? spec.stopTimeoutUsec, options.signal ?? spec.stopSignal);
    await container.exited;
    return container;
  }

  /** Sends a signal to the first process of a container. @throws NiwaError NOT_FOUND, STATE_CONFLICT, HOST_ERROR */
  kill(id: string, signal: string): Container {
    const container = this.get(id);
    requireState('kill', id, container.state);
    const sent = native.signal(container.handle, signalNumber(signal) ?? 0);
    if (sent < 0) throw new NiwaError('HOST_ERROR', `cannot send ${signal} to container ${id}: ${errnoName(-sent)}`);
    container.sentSignal = sent;
    return container;
  }

  /** Freezes every process of a container. @throws NiwaError NOT_FOUND, STATE_CONFLICT, HOST_ERROR */
  pause(id: string): Promise<Container> {
    return this.#freeze(id, 'pause');
  }

  /** Lets a paused container go on. @throws NiwaError NOT_FOUND, STATE_CONFLICT, HOST_ERROR */
  resume(id: string): Promise<Container> {
    return this.#freeze(id, 'resume');
  }

  /**
   * Changes limits of a live container; a field that is left out stays.
   * @throws NiwaError NOT_FOUND, STATE_CONFLICT, SPEC_INVALID, HOST_UNSUPPORTED, HOST_ERROR; then all limits are as before
   */
  async update(id: string, input: unknown): Promise<Container> {
    const container = this.get(id);
    const change = parseResources(input);
    await container.lock.run(async () => {
      requireState('update', id, container.state);
      const now = container.spec.resources;
      const merged = mergeResources(now, change);
      const { controllers } = this.#options.tree;
      const devices = resolveDevices([...now.io, ...change.io]);
      const writes = updateWrites(now, change, controllers, devices);
      container.writeLimits(writes, undoWrites(now, writes, controllers, devices));
      container.spec.resources = merged;
      this.#tell('update', id);
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
    change: { lifetimeUsec: number | null } | { remainingUsec: number },
  ): Promise<Container> {
    const container = this.get(id);
    await container.lock.run(async () => {
      requireState('change the lifetime of', id, container.state);
      const started = container.startedAt !== null;
      if ('remainingUsec' in change) {
        if (!started)
          throw new NiwaError('STATE_CONFLICT', `container ${id} has not started: set its lifetime instead`);
        this.#moveDeadline(container, native.boottimeNs() + BigInt(change.remainingUsec) * 1000n);
      } else {
        Object.assign(container.spec, { lifetimeUsec: change.lifetimeUsec, jitterUsec: 0 }); // what was said last is exact
        const atNs = change.lifetimeUsec === null ? 0n : container.startedNs + BigInt(change.lifetimeUsec) * 1000n;
        if (started) this.#moveDeadline(container, atNs);
      }
      this.#tell('lifetime', id);
    });
    return container;
  }

  /** Forgets an exited container; with `force`, ends it first. @throws NiwaError NOT_FOUND, STATE_CONFLICT */
  async remove(id: string, { force }: { force: boolean }): Promise<void> {
    const container = this.get(id);
    if (force && container.state !== 'exited') await this.stop(id, { timeoutUsec: 0 });
    requireState('remove', id, container.state);
    this.#forget(container);
  }

  /** Ends all containers, also those that are just being made, and waits for their records. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#sampler.stop();
    while (this.#reserved.size > 0) await sleep(CLOSE_POLL_MS);
    const live = this.list().filter(({ state }) => state !== 'exited');
    await Promise.all(live.map((container) => container.lock.run(async () => this.#end(container))));
  }

  async #end(container: Container): Promise<void> {
    if (container.state === 'exited') return;
    container.beginStop(container.spec.stopTimeoutUsec, container.spec.stopSignal);
    await container.exited;
  }

  #refuseWhileClosing(): void {
    if (this.#closing) throw new NiwaError('STATE_CONFLICT', 'niwad is stopping and starts nothing any more');
  }

  #plan(spec: Spec, idRange: IdRange): Plan {
    const { tree, stage } = this.#options;
    return makePlan(spec, {
      containersCgroup: tree.containers,
      controllers: tree.controllers,
      stage,
      devices: resolveDevices(spec.resources.io),
      deviceNodes: resolveDeviceNodes(spec.devices),
      filtersDevices: this.#filtersDevices,
      idRange,
      compileSeccomp,
    });
  }

  async #spawn(spec: Spec, plan: Plan, idRange: IdRange | null): Promise<Container> {
    const { logs } = this.#options;
    logs.prepare(spec.id);
    const result = await native.create({
      cgroup: plan.cgroup.path,
      writes: plan.cgroup.writes.map(({ file, value }) => [file, value]),
      namespaces: plan.clone.flags,
      pidNamespace: plan.clone.pidNamespace,
      devices: plan.devices,
      uidMap: plan.userns === null ? '' : mapFile(plan.userns.uids),
      gidMap: plan.userns === null ? '' : mapFile(plan.userns.gids),
      ...logs.fifosOf(spec.id),
      stdioUid: idOutside(plan.userns?.uids, spec.process.uid),
      stdioGid: idOutside(plan.userns?.gids, spec.process.gid),
      program: encodeProgram(plan.boot),
    });
    if (isFailure(result)) {
      this.#removeLog(spec.id);
      await this.#recordUnborn(spec);
      throw startError(plan, result);
    }
    const { log, errno } = logs.open(spec.id, result.handle);
    const container = new Container(spec, plan, result.handle, result.pid, log, idRange);
    this.#containers.set(spec.id, container);
    this.#byHandle.set(result.handle, container);
    this.#tell('create', spec.id);
    for (const event of this.#early.get(result.handle) ?? []) this.#hear(event);
    this.#early.delete(result.handle);
    if (errno !== 0) {
      this.#options.log.error({ id: spec.id, errno: errnoName(errno) }, 'the log cannot be opened: the container ends');
      native.kill(result.handle);
    }
    return container;
  }

  async #freeze(id: string, action: 'pause' | 'resume'): Promise<Container> {
    const container = this.get(id);
    await container.lock.run(async () => {
      requireState(action, id, container.state);
      const errno = await native.freeze(container.handle, action === 'pause', FREEZE_TIMEOUT_MS);
      if (errno !== 0) {
        await native.freeze(container.handle, action !== 'pause', 0);
        throw new NiwaError('HOST_ERROR', `cannot ${action} container ${id}: ${errnoName(errno)} from cgroup.freeze`);
      }
      // It may have begun to end while the kernel froze it; a pause must not stand in the way of that.
      if (container.state === 'running' || container.state === 'paused')
        container.state = action === 'pause' ? 'paused' : 'running';
      else await native.freeze(container.handle, false, 0);
      this.#tell(action, id);
    });
    return container;
  }

  #moveDeadline(container: Container, atNs: bigint): void {
    native.setDeadline(container.handle, container.deadline(atNs, CAUSE.lifetime));
    container.deadlineAt = atNs === 0n ? null : wallTime(atNs);
  }

  #hear(event: NativeEvent): void {
    const container = this.#byHandle.get(event.handle);
    if (event.type === 'output') {
      container?.log.hear();
    } else if (event.type === 'log-error') {
      this.#hearLogError(event, container);
    } else if (container === undefined) {
      this.#early.set(event.handle, [...(this.#early.get(event.handle) ?? []), event]);
    } else if (event.type === 'stopping') {
      container.state = 'stopping';
      this.#tell('stopping', container.id);
    } else {
      void this.#finish(container, event);
    }
  }

  /** One container is enough to tell of a full disk, on which none can store its output. */
  #hearLogError({ errno, handle }: LogErrorEvent, container: Container | undefined): void {
    const { log } = this.#options;
    const before = this.#unstored.size;
    if (errno === 0) this.#unstored.delete(handle);
    else this.#unstored.add(handle);
    if (errno !== 0 && before === 0)
      log.error(
        { id: container?.id, errno: errnoName(errno) },
        'output cannot be stored: containers that write wait until it can; free or repair the disk of the logs',
      );
    if (before > 0 && this.#unstored.size === 0) log.info('output is stored again');
  }

  /** A container has ended: its record first, then everything that the kernel still holds, then the news. */
  async #finish(container: Container, event: ExitEvent): Promise<void> {
    const { log } = this.#options;
    await container.starting; // a workload may end before the answer to its start has come
    const exit = container.takeExit(event);
    container.state = 'stopping';
    await this.#record(toRecord(container, exit));
    native.release(container.handle);
    await removeGroup(container.plan.cgroup.path).catch((error: unknown) => log.error({ err: error }, 'cgroup stays'));
    if (container.idRange !== null) this.#options.idPool.release(container.idRange);
    await native.drainLog(container.handle);
    this.#byHandle.delete(container.handle);
    this.#options.logs.closeFifos(container.id);
    container.log.end();
    container.settle(exit);
    log.info({ id: container.id, exit, usage: container.usage().cpu }, 'exited');
    this.#tell('exit', container.id, exit);
    this.#forgetOldest();
  }

  /** A bill is never lost: what cannot be written is tried again until it can. */
  async #record(record: UsageRecord): Promise<void> {
    for (;;) {
      try {
        return await this.#options.ledger.append(record);
      } catch (error) {
        this.#options.log.error({ err: error, record }, 'the usage record waits to be written');
        await sleep(LEDGER_RETRY_MS);
      }
    }
  }

  async #recordUnborn(spec: Spec): Promise<void> {
    const now = new Date().toISOString();
    const { id, owner, labels } = spec;
    const end = { ended_at: now, reason: 'start-failed', code: null, signal: null, usage: null };
    await this.#record({ id, owner, labels, created_at: now, started_at: null, ...end });
    this.#tell('start-failed', id);
  }

  #forgetOldest(): void {
    const exited = this.list().filter(({ state }) => state === 'exited');
    for (const container of exited.slice(0, Math.max(0, exited.length - this.#options.keepExited)))
      this.#forget(container);
  }

  #forget(container: Container): void {
    if (this.#containers.get(container.id) !== container) return;
    this.#containers.delete(container.id);
    this.#removeLog(container.id);
    this.#tell('remove', container.id);
  }

  #removeLog(id: string): void {
    const { logs, log } = this.#options;
    try {
      logs.closeFifos(id);
      logs.remove(id);
    } catch (error) {
      log.error({ err: error, id }, 'the log of a container stays');
    }
  }

  #tell(type: RuntimeEventType, id: string, exit?: Exit): void {
    const event = { type, id, at: new Date().toISOString(), ...(exit === undefined ? {} : { exit }) };
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        this.#options.log.error({ err: error }, messageOf(error));
      }
    }
  }

  #freeId(): string {
    for (;;) {
      const id = randomBytes(6).toString('hex');
      if (!this.#containers.has(id) && !this.#reserved.has(id)) return id;
    }
  }
}

/** The lifetime less its share of the jitter; 0 for none. `draw` is from 0 to 1. The lifetime stays an upper bound. */
export function effectiveLifetimeUsec({ lifetimeUsec, jitterUsec }: Spec, draw: number): number {
  return lifetimeUsec === null ? 0 : Math.max(1, Math.round(lifetimeUsec - draw * jitterUsec));
}

function toRecord(container: Container, exit: Exit): UsageRecord {
  const { id, owner, labels } = container.spec;
  return {
    id,
    owner,
    labels,
    created_at: container.createdAt.toISOString(),
    started_at: container.startedAt?.toISOString() ?? null,
    ended_at: exit.at,
    reason: exit.reason,
    code: exit.code,
    signal: exit.signal,
    usage: container.usage(),
  };
}
