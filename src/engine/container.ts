import type { IdRange } from '../host/id-pool.js';
import type { Adopted, Created, ExitEvent, Handle, Started } from '../kernel/containers.js';
import type { KernelError } from '../kernel/errors.js';
import type { Kernel } from '../kernel/kernel.js';
import type { ContainerLog } from '../logs/log.js';
import type { Lease } from '../network/lease.js';
import type { Plan } from '../plan/plan.js';
import type { ContainerStatus, Exit, Readiness, State } from '../protocol/container.js';
import type { NiwaError } from '../protocol/errors.js';
import type { StartPhases } from '../protocol/phases.js';
import type { IdMaps, Spec } from '../protocol/resolved-spec.js';
import type { Rates, Usage } from '../protocol/usage.js';
import { signalName } from '../spec/signals.js';
import { Turns } from '../turns/turns.js';
import { wallTime } from './clock.js';
import { Control } from './control.js';
import { EndHooks } from './end-hooks.js';
import { exitReason } from './exit.js';
import { startError } from './failure.js';
import { type Identity, identityOf } from './identity.js';
import { Life } from './life.js';
import { Meter } from './meter.js';
import type { Output } from './output.js';
import { type Past, pastOfAdopted, pastOfGone, pastOfMade } from './past.js';
import { ReadinessState } from './readiness-state.js';
import { Runs } from './runs.js';
import type { SavedState } from './saved-state-types.js';
import { StatusView } from './status-view.js';
import { Written } from './written.js';

/** The parts of the kernel's side that a container uses. */
export type ContainerKernel = Pick<Kernel, 'births' | 'containers' | 'host' | 'readings'>;

/** One container: its spec, its identity and its state. What may change is in its parts, which check each change. */
export class Container {
  readonly run: string;
  readonly cgroup: string;
  readonly userns: IdMaps | null;
  readonly idRange: IdRange | null;
  readonly lease: Lease | null;
  readonly handle: Handle;
  readonly pid: number;
  readonly startTicks: bigint;
  readonly createdAt: Date;
  readonly output: Output;
  /** Lets one operation on this container run at a time. */
  readonly turns = new Turns(1);
  readonly life: Life;
  /** Signals, freezes and limits the container's processes and group. */
  readonly control: Control;
  readonly meter: Meter;
  readonly readiness: ReadinessState;
  readonly endHooks: EndHooks;
  readonly runs: Runs;
  readonly written = new Written();
  /** What clients are shown of the container. */
  readonly view: StatusView;
  /** How long each part of the start took. */
  readonly phases: Partial<StartPhases>;
  /** The result of the start, if the container was started in the same step as it was made. */
  readonly started: Created['started'];
  /** False if the container ended while no niwad watched it. */
  readonly endKnown: boolean;
  #spec: Readonly<Spec>;
  #plan: Plan | null;
  #startFailed = false;
  #startError: NiwaError | null = null;
  #isUnwanted = false;

  /** A container that this niwad has just made; `started` of `result` is set if it was started in the same step. */
  static made(
    kernel: ContainerKernel,
    identity: Identity,
    output: Output,
    result: Pick<Past, 'phases' | 'started'>,
  ): Container {
    return new Container(kernel, identity, output, pastOfMade(result));
  }

  /** A container of an earlier niwad that the kernel's side still knows. Values in `adopted` replace the saved ones. */
  static adopted(
    kernel: ContainerKernel,
    identity: Identity,
    output: Output,
    saved: SavedState,
    adopted: Adopted,
  ): Container {
    return new Container(kernel, identity, output, pastOfAdopted(saved, adopted));
  }

  /** A container of an earlier niwad that has ended; {@link takeEnd} tells how. */
  static gone(kernel: ContainerKernel, saved: SavedState, log: ContainerLog): Container {
    const identity = identityOf(saved, { plan: null, handle: 0 });
    return new Container(kernel, identity, { log, failure: null, terminal: null }, pastOfGone(saved));
  }

  private constructor(kernel: ContainerKernel, identity: Identity, output: Output, past: Past) {
    const { begun, endKnown, phases, started, saved } = past;
    const { run, spec, cgroup, userns, idRange, lease, handle, pid, startTicks, createdAt, place, plan } = identity;
    this.run = run;
    this.#spec = spec;
    this.cgroup = cgroup;
    this.userns = userns;
    this.idRange = idRange;
    this.lease = lease;
    this.handle = handle;
    this.pid = pid;
    this.startTicks = startTicks;
    this.createdAt = createdAt;
    this.#plan = plan;
    this.output = output;
    this.phases = phases;
    this.started = started;
    this.endKnown = endKnown;
    this.life = new Life(spec.id, begun);
    this.control = new Control(this, saved, kernel);
    this.meter = new Meter({ handle, pid, startTicks, hasInit: spec.init }, saved, () => this.written.expire(), kernel);
    this.readiness = new ReadinessState(spec.ready !== null, saved?.ready ?? null);
    this.endHooks = new EndHooks(saved ?? undefined);
    this.runs = new Runs(place);
    this.view = new StatusView(this);
  }

  get id(): string {
    return this.#spec.id;
  }

  /** The spec; a change replaces the object, see {@link changeSpec}. */
  get spec(): Readonly<Spec> {
    return this.#spec;
  }

  get log(): ContainerLog {
    return this.output.log;
  }

  get state(): State {
    return this.life.state;
  }

  get startedAt(): Date | null {
    return this.life.startedAt;
  }

  get deadlineAt(): Date | null {
    return this.life.deadlineAt;
  }

  get exit(): Exit | null {
    return this.life.exit;
  }

  get exited(): Promise<Exit> {
    return this.life.exited;
  }

  /** Whether the container has ended and its last reading is taken. */
  get hasEnded(): boolean {
    return this.life.ending !== null;
  }

  get mayRunAgain(): boolean {
    return this.runs.mayFollow(this.#spec.restart);
  }

  get ready(): Readiness | null {
    return this.readiness.value;
  }

  /** Resolves when the container is ready, or can no longer become ready. */
  get readyKnown(): Promise<void> {
    return this.readiness.known;
  }

  /** The plan that a start follows, which names the step of a failed start; null once it has started or exited. */
  get plan(): Plan | null {
    return this.#plan;
  }

  /** Why the workload was not executed; null if it was executed, or no start was tried. */
  get startError(): NiwaError | null {
    return this.#startError;
  }

  /** Whether it was made ahead, and no start has taken it: the next niwad ends it, and it is forgotten at its end. */
  get isUntaken(): boolean {
    return this.runs.state.isMadeAhead === true && !this.life.hasStarted;
  }

  /** Whether no client was told of this container: it is forgotten when it has ended. */
  get isUnwanted(): boolean {
    return this.#isUnwanted || this.isUntaken;
  }

  usage(): Usage {
    return this.meter.usage();
  }

  rates(): Rates | null {
    return this.meter.rates();
  }

  status(): ContainerStatus {
    return this.view.status();
  }

  /** Takes the result of a successful start. */
  takeStart({ startedNs, deadlineNs, phases }: Started): void {
    this.#plan = null;
    Object.assign(this.phases, phases);
    this.life.start(startedNs, deadlineNs);
  }

  /**
   * Takes the failure of a start, which becomes the reason of the container's end. The kernel's failure names the step
   * of the plan.
   */
  failStart(failure?: KernelError): void {
    this.#startFailed = true;
    if (failure === undefined) return;
    this.#startError = startError(this.id, this.#plan, failure);
    this.#plan = null;
  }

  /** Marks a container that no client will be told of: it is forgotten when it has ended. */
  abandon(): void {
    this.#isUnwanted = true;
  }

  /**
   * Takes the last reading and the exit status. The container counts as exited once the record is written, see {@link
   * settle}.
   */
  takeExit(event: ExitEvent): Exit {
    const { statusKnown, code, signal, cause, atNs } = event;
    const { deadlineNs, hasStarted } = this.life;
    const oomKills = this.meter.takeLast(event);
    const reason = exitReason({
      statusKnown,
      signal,
      code,
      hasInit: this.spec.init,
      cause,
      overdue: this.endKnown && deadlineNs !== 0n && atNs >= deadlineNs,
      sentSignal: this.control.sentSignal,
      oomKills,
      outlivedOomKills: this.meter.outlivedOomKills,
      startFailed: this.#startFailed,
      started: hasStarted,
    });
    const exit = {
      code: code < 0 ? null : code,
      signal: signal === 0 ? null : signalName(signal),
      reason,
      at: wallTime(atNs).toISOString(),
    };
    this.life.endAs(exit);
    return exit;
  }

  /** Takes the end from the final record. The final record is valid even if it differs from what was observed. */
  takeRecorded(exit: Exit, usage: Usage | null): void {
    this.life.endAs(exit);
    this.meter.takeRecorded(usage);
  }

  /** Takes how the container exited and its use; the container has exited then. */
  takeEnd(exit: Exit, usage: Usage | null): void {
    this.takeRecorded(exit, usage);
    this.settle();
  }

  /** Called when the final record is written: the container has exited then. */
  settle(): void {
    const at = this.life.ending?.at;
    if (at !== undefined) this.readiness.end(at);
    this.#plan = null;
    this.life.end();
  }

  /** Replaces the fields of the spec that may change while the container exists. */
  changeSpec(change: Partial<Pick<Spec, 'resources' | 'defaulted' | 'lifetimeUsec' | 'jitterUsec'>>): void {
    this.#spec = { ...this.#spec, ...change };
  }
}
