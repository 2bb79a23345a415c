import type { NiwaError } from '../errors.js';
import type { IdRange } from '../host/id-pool.js';
import type { Adopted, Created, ExitEvent, Handle, Started } from '../kernel/containers.js';
import type { KernelError } from '../kernel/errors.js';
import type { Kernel } from '../kernel/kernel.js';
import type { ContainerLog } from '../logs/log.js';
import type { Lease } from '../network/lease.js';
import type { Plan } from '../plan/plan.js';
import type { ContainerDetails, ContainerStatus, Exit, Readiness, State } from '../protocol/container.js';
import type { StartPhases } from '../protocol/phases.js';
import type { IdMaps, Spec } from '../protocol/resolved-spec.js';
import type { Rates, Usage } from '../protocol/usage.js';
import { signalName } from '../spec/signals.js';
import { Turns } from '../turns.js';
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
import type { SavedState } from './state-files.js';
import { StatusView } from './status-view.js';
import { Written } from './written.js';

/** What a container asks of the kernel. */
export type ContainerKernel = Pick<Kernel, 'containers' | 'host' | 'readings'>;

/** One container: what was asked for, what was decided, and what has become of it. Its parts say what may change. */
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
  /** Makes the operations on this container wait for each other. */
  readonly turns = new Turns(1);
  readonly life: Life;
  /** What niwa does to its processes and its group. */
  readonly control: Control;
  readonly meter: Meter;
  readonly readiness: ReadinessState;
  readonly endHooks: EndHooks;
  readonly written = new Written();
  /** How long the parts of its start took. */
  readonly phases: Partial<StartPhases>;
  /** What came of its start, where it was started as soon as it was made. */
  readonly started: Created['started'];
  /** False where it ended when nobody looked. */
  readonly endKnown: boolean;
  readonly #view: StatusView;
  #spec: Readonly<Spec>;
  #plan: Plan | null;
  #startFailed = false;
  #startError: NiwaError | null = null;
  #isUnwanted = false;

  /** A container that waits for its start, or, with what came of that as `started`, was started as it was made. */
  static made(
    kernel: ContainerKernel,
    identity: Identity,
    output: Output,
    result: Pick<Past, 'phases' | 'started'>,
  ): Container {
    return new Container(kernel, identity, output, pastOfMade(result));
  }

  /** One of an earlier niwad that is still in the kernel; `adopted` comes before what was saved. */
  static adopted(
    kernel: ContainerKernel,
    identity: Identity,
    output: Output,
    saved: SavedState,
    adopted: Adopted,
  ): Container {
    return new Container(kernel, identity, output, pastOfAdopted(saved, adopted, identity.cgroup));
  }

  /** One of an earlier niwad that has ended; {@link takeEnd} says how. */
  static gone(kernel: ContainerKernel, saved: SavedState, log: ContainerLog): Container {
    const identity = { ...identityOf(saved), plan: null, handle: 0 };
    return new Container(kernel, identity, { log, failure: null, terminal: null }, pastOfGone(saved));
  }

  private constructor(
    kernel: ContainerKernel,
    identity: Identity,
    output: Output,
    { begun, endKnown, phases, started, saved }: Past,
  ) {
    const { run, spec, cgroup, userns, idRange, lease, handle, pid, startTicks, createdAt, plan } = identity;
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
    this.control = new Control(this, saved?.sentSignal ?? 0, kernel);
    this.meter = new Meter({ handle, pid, startTicks, hasInit: spec.init }, saved, () => this.written.expire(), kernel);
    this.readiness = new ReadinessState(spec.ready !== null, saved?.ready ?? null);
    this.endHooks = new EndHooks(saved ?? undefined);
    this.#view = new StatusView(this);
  }

  get id(): string {
    return this.#spec.id;
  }

  /** What it is to be; replaced, never changed, see {@link changeSpec}. */
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

  /** Resolves with the exit once its usage record is on disk. */
  get exited(): Promise<Exit> {
    return this.life.exited;
  }

  /** Whether its last reading is taken. */
  get hasEnded(): boolean {
    return this.life.ending !== null;
  }

  get ready(): Readiness | null {
    return this.readiness.value;
  }

  /** Resolves when it is ready, or will not be any more. */
  get readyKnown(): Promise<void> {
    return this.readiness.known;
  }

  /** What its start follows, for the error of one that fails; null once it is started, or has exited. */
  get plan(): Plan | null {
    return this.#plan;
  }

  /** Why its workload was not executed; null where it was, or nobody has tried. */
  get startError(): NiwaError | null {
    return this.#startError;
  }

  /** Whether nobody was told of it: it is forgotten when it has ended. */
  get isUnwanted(): boolean {
    return this.#isUnwanted;
  }

  usage(): Usage {
    return this.meter.usage();
  }

  rates(): Rates | null {
    return this.meter.rates();
  }

  status(): ContainerStatus {
    return this.#view.status();
  }

  /** See {@link StatusView.text}. */
  statusText(): string {
    return this.#view.text();
  }

  /** See {@link StatusView.statusWith}. */
  statusWith(fields: readonly string[]): Partial<ContainerStatus> {
    return this.#view.statusWith(fields);
  }

  details(): ContainerDetails {
    return this.#view.details();
  }

  /** Its workload is executed. */
  takeStart({ startedNs, deadlineNs, phases }: Started): void {
    this.#plan = null;
    Object.assign(this.phases, phases);
    this.life.start(startedNs, deadlineNs);
  }

  /** Its start has failed, which will be the reason of its end; the kernel's failure names the step of its plan. */
  failStart(failure?: KernelError): void {
    this.#startFailed = true;
    if (failure === undefined) return;
    this.#startError = startError(this.id, this.#plan, failure);
    this.#plan = null;
  }

  /** Nobody will hear of it: it is forgotten when it has ended. */
  abandon(): void {
    this.#isUnwanted = true;
  }

  /** Takes the last reading and the way it ended; it counts as exited when the record is written, see {@link settle}. */
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

  /** Takes the end that its final record tells of: it stands, whatever is found now. */
  takeRecorded(exit: Exit, usage: Usage | null): void {
    this.life.endAs(exit);
    this.meter.takeRecorded(usage);
  }

  /** It has exited: takes how, and what it had used. */
  takeEnd(exit: Exit, usage: Usage | null): void {
    this.takeRecorded(exit, usage);
    this.settle();
  }

  /** The record is written: this is the end. */
  settle(): void {
    const at = this.life.ending?.at;
    if (at !== undefined) this.readiness.end(at);
    this.#plan = null;
    this.life.end();
  }

  /** Replaces what may change of the spec of a container that is there. */
  changeSpec(change: Partial<Pick<Spec, 'resources' | 'defaulted' | 'lifetimeUsec' | 'jitterUsec'>>): void {
    this.#spec = { ...this.#spec, ...change };
  }
}
