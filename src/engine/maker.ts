import { dirname } from 'node:path';
import type { Logger } from 'pino';
import { removeWhenEmpty } from '../host/cgroup.js';
import { deviceNumbers } from '../host/devices.js';
import { readStartTicks } from '../host/process.js';
import type { Asker } from '../host/reach.js';
import { type Created, type CreateRequest, type CreateTemplate, type Handle, newHandle } from '../kernel/containers.js';
import { isKernelError } from '../kernel/errors.js';
import type { LogStore } from '../logs/store.js';
import { ownFiles } from '../network/own-files.js';
import type { HostView, Plan } from '../plan/plan.js';
import type { EncodedPlan } from '../plan/template.js';
import type { Spec } from '../protocol/resolved-spec.js';
import { warningsOf } from '../spec/warnings.js';
import { crashPoint } from '../test-hooks/crash-point.js';
import { Container, type ContainerKernel } from './container.js';
import { createRequest, createTemplate } from './create-request.js';
import { startError } from './failure.js';
import { identityOf } from './identity.js';
import { storesOutput } from './output.js';
import { pathStarts } from './path-starts.js';
import type { Stopwatch } from './phases.js';
import type { Planner } from './planner.js';
import { hasGroup } from './resources/group.js';
import { Draft } from './resources/resource.js';
import { BEFORE_PLAN, BEFORE_PROCESS, type Resources } from './resources/resources.js';
import type { RunsState } from './runs.js';
import { firstState } from './saved-state.js';
import type { SavedState } from './saved-state-types.js';

export interface MakerOptions {
  planner: Planner;
  resources: Resources;
  logs: LogStore;
  kernel: ContainerKernel;
  log: Logger;
  bootId: string;
  /**
   * Gives the container whose network namespace the new container shares.
   * @throws NiwaError NOT_FOUND, STATE_CONFLICT
   */
  liveHandle(id: string): Handle;
  /**
   * Called when the process of a container is being made: from now on, the kernel's side may report events with this
   * handle.
   */
  onMaking(handle: Handle, made: Promise<Container>): void;
  /** Called as soon as the container exists. */
  onMade(container: Container): void;
  /** Called when a start has failed and left no container, before its saved state is removed. */
  onNeverMade(saved: SavedState): Promise<void>;
}

/** The lifetime and the deadline of a start. */
export type StartWish = NonNullable<CreateRequest['start']>;

/** A program outside of niwad makes the first process of a container, below itself. */
export interface Birth {
  /** Compiles the plan of the container. @throws NiwaError HOST_UNSUPPORTED, SPEC_INVALID */
  plan(view: HostView): EncodedPlan;
  /**
   * Lets the program make the process, up to the wait of its boot program. Gives its pid.
   * @throws KernelError with the step at which the making failed; then neither group nor process is left
   */
  bear(request: CreateRequest): Promise<number>;
}

/** The request to make a container. */
export interface Order {
  /** Settled, permitted, and with an id that is reserved for it. */
  spec: Spec;
  /** The caller for whom paths of the host are opened. */
  asker: Asker;
  watch: Stopwatch;
  /**
   * If set, the container is also started, and its `started` holds the result. If null, the container waits for its
   * start.
   */
  start: StartWish | null;
  /** Its place among the runs of its container. */
  place: RunsState;
  /** The run that has ended and that this one follows; null for a new container. */
  before: Container | null;
  /** Who makes its process; missing where niwad does. */
  birth?: Birth;
}

/**
 * Makes the processes of containers, up to the point where they wait for their start. If a step fails, all steps before
 * it are undone.
 */
export class Maker {
  readonly #options: MakerOptions;
  /** What the requests have in common, by the source of their plans. */
  readonly #templates = new WeakMap<object, CreateTemplate>();

  constructor(options: MakerOptions) {
    this.#options = options;
  }

  /**
   * Makes a container.
   * @throws NiwaError HOST_UNSUPPORTED, ADDRESS_IN_USE, NOT_FOUND, STATE_CONFLICT, START_FAILED, HOST_ERROR; the errors
   *   of reach()
   */
  async make(order: Order): Promise<Container> {
    const { planner, resources } = this.#options;
    const { spec, asker, watch, before, birth } = order;
    const draft = new Draft(spec, asker, before);
    try {
      const numbers = await deviceNumbers(spec, asker);
      await resources.acquire(draft, BEFORE_PLAN);
      const plan = birth?.plan(planner.view()) ?? planner.plan(spec, draft.idRange, numbers, asker);
      watch.lap('plan');
      return await this.#makePlanned(order, draft, plan);
    } catch (error) {
      await resources.undo(draft);
      throw error;
    }
  }

  async #makePlanned(order: Order, draft: Draft, plan: EncodedPlan): Promise<Container> {
    const { resources, bootId } = this.#options;
    const { spec, watch, start, place } = order;
    const networkOf = plan.clone.networkOf === '' ? 0 : this.#options.liveHandle(plan.clone.networkOf);
    const saved = firstState(spec, plan, draft, bootId, place);
    draft.saved = saved;
    draft.cgroup = plan.cgroup.path;
    draft.writes = [...plan.cgroup.writes, ...plan.cgroup.lateWrites];
    await resources.acquire(draft, BEFORE_PROCESS);
    watch.lap('state');
    draft.handle = newHandle();
    const request = this.#request(draft, plan, start, networkOf);
    watch.lap('encode');
    const made = this.#makeProcess(order, draft, saved, plan, request);
    this.#options.onMaking(draft.handle, made);
    return made;
  }

  async #makeProcess(
    { spec, asker, watch, birth }: Order,
    draft: Draft,
    saved: SavedState,
    plan: Plan,
    request: CreateRequest,
  ): Promise<Container> {
    const { kernel, log } = this.#options;
    const making = birth === undefined ? kernel.containers.create(request) : birth.bear(request).then(bornAs);
    const created = await making.catch(async (error: unknown) => {
      await this.#options.onNeverMade(saved);
      if (birth === undefined && isKernelError(error, 'ETIMEDOUT')) this.#stuck(asker, spec.id, plan.cgroup.path);
      throw isKernelError(error) ? startError(spec.id, plan, error) : error;
    });
    crashPoint('made');
    const warnings = warningsOf(spec);
    if (warnings.length > 0)
      log.warn({ id: spec.id, warnings }, 'some settings of a container do not work as its user may expect');
    return this.#containerOf(draft, saved, plan, created, watch);
  }

  /** The caller has one start less at a time until the processes of a start that hangs have ended. */
  #stuck(asker: Asker, id: string, cgroup: string): void {
    const isOwn = () => hasGroup({ id, cgroup }, this.#options.kernel);
    pathStarts.stuck(asker, removeWhenEmpty(cgroup, isOwn));
  }

  #request(
    { spec, handle, idRange }: Draft,
    plan: EncodedPlan,
    start: StartWish | null,
    networkOf: Handle,
  ): CreateRequest {
    const { logs } = this.#options;
    const fifos = logs.fifosOf(spec.id);
    return createRequest(this.#templateOf(spec, plan), spec, plan, {
      handle,
      owner: idRange?.start ?? 0,
      fifos,
      files: ownFiles(spec, dirname(fifos.stdout)),
      logDirectory: logs.directoryOf(spec.id),
      networkOf,
      program: plan.encode(),
      start,
    });
  }

  #templateOf(spec: Spec, plan: EncodedPlan): CreateTemplate {
    const known = this.#templates.get(plan.source);
    if (known !== undefined) return known;
    const made = createTemplate(spec, plan, storesOutput(spec) ? this.#options.logs.bounds : null);
    this.#templates.set(plan.source, made);
    return made;
  }

  /**
   * No await in here: the next event of the kernel's side, and the result of the start, must find the container in the
   * registry.
   */
  #containerOf(draft: Draft, saved: SavedState, plan: Plan, created: Created, watch: Stopwatch): Container {
    const { handle } = draft;
    const { pid, startTicks, phases, started, logFailure } = created;
    draft.logFailure = logFailure;
    watch.take(phases);
    this.#options.resources.open(draft);
    watch.lap('adopt');
    const identity = identityOf(saved, { handle, plan, pid, startTicks });
    const container = Container.made(this.#options.kernel, identity, draft.opened, { phases: watch.phases, started });
    this.#options.onMade(container);
    return container;
  }
}

/** What is known of a process that another program has made: it waits for its start. */
function bornAs(pid: number): Created {
  const phases = { queue: 0, group: 0, devices: 0, userns: 0, clone: 0, boot: 0 };
  return { pid, startTicks: readStartTicks(pid), phases, started: null, logFailure: null };
}
