import { constants } from 'node:os';
import type { Logger } from 'pino';
import { crashPoint } from '../crash-point.js';
import type { Books } from '../engine/books.js';
import { Container } from '../engine/container.js';
import { startError } from '../engine/failure.js';
import { identityOf } from '../engine/identity.js';
import { openOutput } from '../engine/output.js';
import { mayBeSlow, pathStarts } from '../engine/path-starts.js';
import type { Stopwatch } from '../engine/phases.js';
import { firstState, type Pooled } from '../engine/saved-state.js';
import type { StateFiles } from '../engine/state-files.js';
import { NiwaError } from '../errors.js';
import { type CgroupTree, CONTROLLERS, removeWhenEmpty } from '../host/cgroup.js';
import { type DeviceNumbers, deviceNumbers } from '../host/devices.js';
import type { IdPool, IdRange } from '../host/id-pool.js';
import { isOomProtected } from '../host/oom.js';
import { openFilesLimit } from '../host/open-files.js';
import { readStartTicks } from '../host/process.js';
import { limitKept } from '../host/quota.js';
import type { Asker } from '../host/reach.js';
import { compileSeccomp } from '../host/seccomp.js';
import { isKernelError } from '../kernel/errors.js';
import { REACH_PROGRAM } from '../kernel/programs.js';
import type { LogStore } from '../logs/store.js';
import { type CreateRequest, errnoName, type Handle, isFailure, native, toError } from '../native.js';
import type { Networks } from '../network/networks.js';
import { encodeProgram } from '../plan/encode.js';
import { makePlan, type Plan } from '../plan/plan.js';
import type { Controllers } from '../plan/resources.js';
import { idOutside, mapFile } from '../plan/userns.js';
import type { Spec } from '../protocol/resolved-spec.js';
import type { Bounds } from '../spec/ceilings.js';
import { warningsOf } from '../spec/warnings.js';
import type { ContainerHooks } from './container-hooks.js';
import type { Endings } from './endings.js';
import type { Registry } from './registry.js';

export interface MakerOptions {
  tree: CgroupTree;
  /** An empty directory to build roots on. */
  stage: string;
  /** What a container gets whose spec sets no bound. */
  defaults: Bounds;
  stateFiles: StateFiles;
  idPool: IdPool;
  networks: Networks;
  logs: LogStore;
  log: Logger;
  registry: Registry;
  books: Books;
  containerHooks: ContainerHooks;
  endings: Endings;
  bootId: string;
  /** Hears of a container as soon as there is one. */
  onAdded(container: Container): void;
}

/** How a container is to be started. */
export type StartWish = NonNullable<CreateRequest['start']>;

const NO_IDS: IdRange = { start: 0, size: 0 };

/** Makes containers up to the wait for their start; where a step fails, all before it is undone. */
export class Maker {
  readonly #options: MakerOptions;
  readonly #filtersDevices = native.canFilterDevices();

  constructor(options: MakerOptions) {
    this.#options = options;
  }

  /**
   * Makes a container of a spec that is resolved, permitted and has an id of its own.
   * @param asker for whom paths of the host are touched
   * @param start also starts it, where nothing has to happen between the two: then `started` of the container says what came of it
   * @throws NiwaError HOOK_FAILED, HOST_UNSUPPORTED, ADDRESS_IN_USE, NOT_FOUND, STATE_CONFLICT, START_FAILED, HOST_ERROR; what
   *   reach() throws
   */
  async make(spec: Spec, asker: Asker, watch: Stopwatch, start: StartWish | null): Promise<Container> {
    const { endings } = this.#options;
    const container = await this.#makeAfterHooks(spec, asker, watch, start);
    await this.#prepare(container)
      .catch((error: unknown) => endings.fail(container, error))
      .catch((error: unknown) => endings.undo(container, error));
    return container;
  }

  /**
   * Compiles the plan of a container that an earlier niwad has made and nobody has started, by its spec: the plan itself is
   * not written down. Its limits are set already, whatever controllers there are now; its devices are named by their paths.
   * @throws NiwaError SPEC_INVALID where libseccomp does not take its profile any more
   */
  planOfAdopted(spec: Spec, idRange: IdRange | null): Plan {
    const given = { devices: {}, deviceNodes: [], controllers: { available: CONTROLLERS, missing: {} } };
    return this.#plan(spec, idRange, given);
  }

  async #makeAfterHooks(spec: Spec, asker: Asker, watch: Stopwatch, start: StartWish | null): Promise<Container> {
    try {
      await this.#options.containerHooks.beforeCreate(spec);
      const make = () => this.#make(spec, asker, watch, start);
      return await (mayBeSlow(spec) ? pathStarts.run(asker, make) : make());
    } catch (error) {
      this.#options.containerHooks.failed(spec);
      throw error;
    }
  }

  async #make(spec: Spec, asker: Asker, watch: Stopwatch, start: StartWish | null): Promise<Container> {
    const { tree, idPool, networks, endings } = this.#options;
    const idRange = spec.userns === 'auto' ? idPool.take() : null;
    try {
      await limitKept(spec.root.overlay, asker);
      const numbers = await deviceNumbers(spec, asker);
      const lease = await networks.take(spec);
      const plan = this.#plan(spec, idRange, { ...numbers, controllers: tree.controllers });
      watch.lap('plan');
      const waits = lease !== null || spec.process.tty || this.#options.containerHooks.hasHooks('afterNetwork', spec);
      return await this.#spawn(spec, asker, plan, { idRange, lease }, watch, waits ? null : start);
    } catch (error) {
      await endings.giveBack(spec);
      if (idRange !== null) idPool.release(idRange);
      networks.forget(spec.id);
      throw error;
    }
  }

  /** What a container gets from outside while it waits for its start. */
  async #prepare(container: Container): Promise<void> {
    const { id, output, started, plan } = container;
    const { logErrno } = output;
    if (logErrno !== 0)
      throw new NiwaError('HOST_ERROR', `cannot open the log of container ${id}: ${errnoName(logErrno)}`);
    if (started !== null) return;
    await this.#options.networks.attach(container, plan?.network ?? []).catch((error: unknown) => {
      throw isKernelError(error) ? startError(id, plan, error) : error;
    });
    crashPoint('connected');
    await this.#options.containerHooks.afterNetwork(container);
  }

  #plan(spec: Spec, idRange: IdRange | null, given: DeviceNumbers & { controllers: Controllers }): Plan {
    const { tree, stage, networks, stateFiles, defaults } = this.#options;
    return makePlan(spec, {
      containersCgroup: tree.containers,
      stage,
      ...given,
      filtersDevices: this.#filtersDevices,
      idRange: idRange ?? NO_IDS,
      oomProtected: isOomProtected(),
      placeBytes: defaults.tmpfsBytes,
      openFiles: openFilesLimit(),
      network: networks.plan(spec, stateFiles.directoryOf(spec.id)),
      compileSeccomp,
    });
  }

  async #spawn(
    spec: Spec,
    asker: Asker,
    plan: Plan,
    pooled: Pooled,
    watch: Stopwatch,
    start: StartWish | null,
  ): Promise<Container> {
    const { stateFiles, logs, networks } = this.#options;
    const networkOf = plan.clone.networkOf === '' ? 0 : this.#liveHandle(plan.clone.networkOf);
    const making = firstState(spec, plan, pooled, this.#options.bootId);
    stateFiles.add(making);
    crashPoint('making-saved');
    try {
      logs.prepare(spec.id);
      networks.writeFiles(spec, pooled.lease, stateFiles.directoryOf(spec.id));
    } catch (error) {
      this.#options.books.forget(spec.id);
      throw error;
    }
    watch.lap('state');
    const program = encodeProgram(plan.boot);
    watch.lap('encode');
    const result = await native.create({
      id: spec.id,
      cgroup: plan.cgroup.path,
      writes: plan.cgroup.writes.map(({ file, value }) => [file, value]),
      lateWrites: plan.cgroup.lateWrites.map(({ file, value }) => [file, value]),
      namespaces: plan.clone.flags,
      pidNamespace: plan.clone.pidNamespace,
      networkOf,
      devices: plan.devices,
      uidMap: plan.userns === null ? '' : mapFile(plan.userns.uids),
      gidMap: plan.userns === null ? '' : mapFile(plan.userns.gids),
      owner: pooled.idRange?.start ?? 0, // maps of a spec may begin with a user of the host
      mountMaps: plan.mountMaps.map(({ uids, gids }) => [mapFile(uids), mapFile(gids)]),
      image: plan.image ?? '',
      reach: REACH_PROGRAM,
      ...logs.fifosOf(spec.id),
      stdioUid: idOutside(plan.userns?.uids, spec.process.uid),
      stdioGid: idOutside(plan.userns?.gids, spec.process.gid),
      program,
      start,
    });
    crashPoint('made');
    if (isFailure(result)) {
      await this.#options.endings.recordFailedStart(making);
      logs.discard(spec.id);
      this.#options.books.forget(spec.id);
      if (result.errno === constants.errno.ETIMEDOUT) pathStarts.stuck(asker, removeWhenEmpty(plan.cgroup.path));
      throw startError(spec.id, plan, toError(result));
    }
    const warnings = warningsOf(spec);
    if (warnings.length > 0) this.#options.log.warn({ id: spec.id, warnings }, 'not all is as it may be expected');
    const { handle, pid, phases, started } = result;
    watch.take(phases);
    const identity = { ...identityOf(making), plan, handle, pid, startTicks: readStartTicks(pid) };
    const output = openOutput(spec, handle, logs);
    watch.lap('adopt');
    const container = Container.made(identity, output, { phases: watch.phases, started });
    this.#options.onAdded(container);
    return container;
  }

  /** @throws NiwaError NOT_FOUND, STATE_CONFLICT where it has ended */
  #liveHandle(id: string): Handle {
    const { handle, state } = this.#options.registry.get(id);
    if (state === 'exited') throw new NiwaError('STATE_CONFLICT', `container ${id} has exited: its network is gone`);
    return handle;
  }
}
