import { BlockIo } from '../accounting/block-io.js';
import { figure, indexColumns } from '../accounting/columns.js';
import { History } from '../accounting/history.js';
import { addMemoryTime, endMemoryTime, type MemoryTime } from '../accounting/memory-time.js';
import { type Reading, ratesBetween } from '../accounting/rates.js';
import { toUsage } from '../accounting/usage.js';
import { NiwaError } from '../errors.js';
import { devicesBelow } from '../host/block-devices.js';
import { isFrozen } from '../host/cgroup.js';
import { readEffective } from '../host/effective.js';
import type { IdRange } from '../host/id-pool.js';
import { readGoesOn } from '../host/process.js';
import type { KernelError } from '../kernel/errors.js';
import type { ContainerLog } from '../logs/log.js';
import {
  type Adopted,
  type Deadline,
  type ExitEvent,
  errnoName,
  type Failure,
  type Handle,
  type Native,
  native,
  type Started,
} from '../native.js';
import type { Lease } from '../network/lease.js';
import type { Plan } from '../plan/plan.js';
import type { ContainerDetails, ContainerStatus, Exit, Readiness, State } from '../protocol/container.js';
import type { StartPhases } from '../protocol/phases.js';
import type { UsageRecord } from '../protocol/record.js';
import type { IdMaps, Spec } from '../protocol/resolved-spec.js';
import type { Rates, Usage } from '../protocol/usage.js';
import { signalName, signalNumber } from '../spec/signals.js';
import { warningsOf } from '../spec/warnings.js';
import { Turns } from '../turns.js';
import { CAUSE, exitReason } from './exit.js';
import { startError } from './failure.js';
import { tellPhases } from './phases.js';
import type { SavedState } from './state-files.js';

export const columns = indexColumns(native.columns);

/** What a container is from its birth on. */
export interface Birth {
  /** Names this run in the ledger. */
  run: string;
  spec: Spec;
  cgroup: string;
  /** The maps of its user namespace; null for the host's. */
  userns: IdMaps | null;
  /** The host ids that are its own, to be given back at the end; null where it has none of the pool. */
  idRange: IdRange | null;
  /** Its place on the bridge; null where it has none. */
  lease: Lease | null;
  handle: Handle;
  pid: number;
  /** With the pid it names the first process for ever. */
  startTicks: bigint;
  createdAt: Date;
  /** What its start follows; null where it has been started before, or nobody knows. */
  plan: Plan | null;
}

/** A longer part of a status is made anew each time: kept, it would take as much memory as the spec again. */
const KEPT_TEXT_LENGTH = 16 * 1024;

/** One container: what was asked for, what was decided, and what has become of it. */
export class Container {
  readonly run: string;
  readonly spec: Readonly<Spec>;
  readonly cgroup: string;
  readonly userns: IdMaps | null;
  readonly idRange: IdRange | null;
  readonly lease: Lease | null;
  readonly handle: Handle;
  readonly pid: number;
  readonly startTicks: bigint;
  readonly createdAt: Date;
  readonly log: ContainerLog;
  /** Makes the operations on this container wait for each other. */
  readonly lock = new Turns(1);
  readonly history = new History();
  /** Resolves with the exit once its usage record is on disk. */
  readonly exited: Promise<Exit>;
  /** Resolves when it is ready, or will not be any more. */
  readonly readyKnown: Promise<void>;
  state: State = 'created';
  #plan: Plan | null;
  /** How long the parts of its start took. */
  phases: Partial<StartPhases> = {};
  startedAt: Date | null = null;
  /** The moment of the start on CLOCK_BOOTTIME, 0n before it. */
  startedNs = 0n;
  deadlineNs = 0n;
  /** What came of its start, where it was started as soon as it was made. */
  started: Started | Failure | null = null;
  /** The answer of the addon to the start, while and after it is awaited; null while the start waits for its turn. */
  starting: ReturnType<Native['start']> | null = null;
  /** The last signal that was sent through niwa. */
  sentSignal = 0;
  startFailed = false;
  /** Why its workload was not executed; null where it was, or nobody has tried. */
  startError: NiwaError | null = null;
  /** Why its log could not be opened, 0 where it could. */
  logErrno = 0;
  /** Whether nobody was told of it: it is forgotten when it has ended. */
  unwanted = false;
  exit: Exit | null = null;
  /** Whether its readiness check has passed; null where it has none. */
  ready: Readiness | null;
  /** False where it has exited and the hooks of its end have still to run. */
  hooksDone = true;
  /** How often they have been begun, by this daemon and those before. */
  hookTries = 0;
  /** The copy of its terminal's output into its log; null where it has no terminal. */
  terminal: number | null = null;
  /** When its last record was made and its state saved, in microseconds of CLOCK_BOOTTIME. */
  recordedUsec = usecNow();
  savedUsec = usecNow();
  #before: Reading | null = null;
  #last: Reading | null = null;
  /** How many OOM kills in its group its first process has outlived. */
  #outlivedOomKills = 0;
  readonly #io = new BlockIo(devicesBelow);
  #memory: MemoryTime = { byteSeconds: 0, usec: usecNow(), bytes: null };
  /** How it has ended, known before it counts as exited. */
  #ending: Exit | null = null;
  /** False where it ended when nobody looked. */
  #endKnown = true;
  #usageAtEnd: Usage | null = null;
  /** What an earlier daemon has counted: all there is, where it ended when nobody looked. */
  #networkBefore: Usage['network'] = null;
  #settle: (exit: Exit) => void = () => {};
  #tellReady: () => void = () => {};
  /** Parts of {@link statusText}, null where they have to be made anew. */
  #movingText: { of: unknown[]; text: string } | null = null;
  #usageText: string | null = null;
  #lastingText: string | null = null;

  constructor(birth: Birth, log: ContainerLog) {
    const { run, spec, cgroup, userns, idRange, lease, handle, pid, startTicks, createdAt, plan } = birth;
    this.run = run;
    this.spec = spec;
    this.cgroup = cgroup;
    this.userns = userns;
    this.idRange = idRange;
    this.lease = lease;
    this.handle = handle;
    this.pid = pid;
    this.startTicks = startTicks;
    this.createdAt = createdAt;
    this.#plan = plan;
    this.log = log;
    this.exited = new Promise((resolve) => {
      this.#settle = resolve;
    });
    this.ready = spec.ready === null ? null : { state: 'waiting', at: null, took_usec: null };
    this.readyKnown = new Promise((resolve) => {
      this.#tellReady = resolve;
    });
  }

  get id(): string {
    return this.spec.id;
  }

  /** What its start follows, for the error of one that fails; null once it is started, or has exited. */
  get plan(): Plan | null {
    return this.#plan;
  }

  /** The deadline of this container for the addon, see {@link deadlineOf}. */
  deadline(atNs: bigint, cause: number, timeoutUsec?: number, signal?: string): Deadline {
    return deadlineOf(this.spec, atNs, cause, timeoutUsec, signal);
  }

  get deadlineAt(): Date | null {
    return this.deadlineNs === 0n ? null : wallTime(this.deadlineNs);
  }

  /** Takes a reading of the sampler; after the end the last one stands. */
  take(usec: number, rows: Float64Array, start: number): void {
    if (this.#usageAtEnd !== null) return;
    const reading = this.#before ?? { usec, row: new Float64Array(native.columns.length) };
    reading.usec = usec;
    for (let i = 0; i < reading.row.length; i++) reading.row[i] = rows[start + i] ?? Number.NaN;
    this.#outlive(this.spec.init ? this.#last?.row : reading.row); // where there is an init, its workload may be ending yet
    this.#io.correct(reading.row, columns, () => native.ioStat(this.handle));
    this.#before = this.#last;
    this.#last = reading;
    this.#movingText = null; // the clock may have been set, by which it tells the deadline
    this.#usageText = null;
    this.#memory = addMemoryTime(this.#memory, reading, columns);
    const rates = this.rates();
    if (rates !== null) this.history.add(Date.now(), rates, figure(reading.row, columns, 'memory.current'));
  }

  /** Takes the last reading and the way it ended; the state stays until the record is written. */
  takeExit(event: ExitEvent): Exit {
    const reading = { usec: Number(event.atNs / 1000n), row: event.row };
    this.#io.correct(reading.row, columns, () => event.ioStat);
    this.#before = this.#last;
    this.#last = reading;
    this.#usageText = null;
    this.#memory = endMemoryTime(this.#memory, reading, columns);
    this.#usageAtEnd = this.#toUsage(event.row, event.ioStat);
    const { statusKnown, code, signal, cause } = event;
    const reason = exitReason({
      statusKnown,
      signal,
      code,
      hasInit: this.spec.init,
      cause,
      overdue: this.#endKnown && this.deadlineNs !== 0n && event.atNs >= this.deadlineNs,
      sentSignal: this.sentSignal,
      oomKills: oomKillsOf(event.row),
      outlivedOomKills: this.#outlivedOomKills,
      startFailed: this.startFailed,
      started: this.startedNs !== 0n,
    });
    this.#ending = {
      code: code < 0 ? null : code,
      signal: signal === 0 ? null : signalName(signal),
      reason,
      at: wallTime(event.atNs).toISOString(),
    };
    return this.#ending;
  }

  /** Whether its last reading is taken. */
  get hasEnded(): boolean {
    return this.#ending !== null;
  }

  /** The record of its use so far, or with its exit the final one, of the moment `usec` of CLOCK_BOOTTIME. */
  record(usec: number, exit: Exit | null = null): UsageRecord {
    const { run, id, createdAt, startedAt, startedNs } = this;
    const { owner, labels } = this.spec;
    const usage = this.usage();
    return {
      type: exit === null ? 'interim' : 'final',
      run,
      id,
      owner,
      labels,
      created_at: createdAt.toISOString(),
      started_at: startedAt?.toISOString() ?? null,
      at: exit?.at ?? new Date().toISOString(),
      duration_usec: startedNs === 0n || !this.#endKnown ? null : Math.max(0, usec - Number(startedNs / 1000n)),
      reason: exit?.reason ?? null,
      code: exit?.code ?? null,
      signal: exit?.signal ?? null,
      usage,
      memory_byte_seconds: usage.memory === null ? null : Math.round(this.#memory.byteSeconds),
    };
  }

  /** What the next daemon has to know of it. */
  toStored(bootId: string, phase: SavedState['phase']): SavedState {
    const { run, spec, cgroup, userns, idRange, lease, pid, sentSignal } = this;
    return {
      bootId,
      run,
      phase,
      spec,
      cgroup,
      userns,
      idRange,
      lease,
      pid,
      startTicks: String(this.startTicks),
      createdAt: this.createdAt.toISOString(),
      startedAt: this.startedAt?.toISOString() ?? null,
      startedNs: String(this.startedNs),
      deadlineNs: String(this.deadlineNs),
      sentSignal,
      outlivedOomKills: this.#outlivedOomKills,
      phases: this.phases,
      memory: this.#memory,
      usage: this.usage(),
      exit: phase === 'exited' ? this.#ending : null,
      ready: this.ready,
      hooksDone: this.hooksDone,
      hookTries: this.hookTries,
    };
  }

  /** Its workload is executed. */
  takeStart({ startedNs, deadlineNs, phases }: Started): void {
    this.#plan = null;
    Object.assign(this.phases, phases);
    this.startedAt = wallTime(startedNs);
    this.startedNs = startedNs;
    this.deadlineNs = deadlineNs;
    if (this.state === 'created') this.state = 'running';
  }

  /** Its workload could not be executed: which step of its plan failed is known now, and the plan not needed any more. */
  failStart(failure: KernelError): void {
    this.startFailed = true;
    this.startError = startError(this.id, this.#plan, failure);
    this.#plan = null;
  }

  /** Takes what an earlier daemon wrote down of it while it lived. */
  takeStored(stored: SavedState): void {
    const { startedAt, startedNs, deadlineNs, sentSignal, outlivedOomKills, phases, memory, ready, usage } = stored;
    this.phases = phases ?? {};
    this.startedAt = startedAt === null ? null : new Date(startedAt);
    this.startedNs = BigInt(startedNs);
    this.deadlineNs = BigInt(deadlineNs);
    this.sentSignal = sentSignal;
    this.#outlivedOomKills = outlivedOomKills ?? 0;
    this.hookTries = stored.hookTries ?? 0;
    this.#memory = memory ?? this.#memory;
    if (ready !== null && ready.state !== 'waiting') this.takeReady(ready);
    this.#networkBefore = usage?.network ?? null;
  }

  /** Takes the end that its final record tells of: it stands, whatever is found now. */
  takeRecorded(exit: Exit, usage: Usage | null): void {
    this.#ending = exit;
    this.#usageAtEnd = usage;
    this.#usageText = null;
  }

  /** It has exited: takes how, and what it had used. */
  takeEnd(exit: Exit, usage: Usage | null): void {
    this.takeRecorded(exit, usage);
    this.settle(exit);
  }

  /** Takes what the addon found of it when it took it over. */
  takeAdopted({ startedNs, deadlineNs, stopping, endKnown }: Adopted): void {
    this.#endKnown = endKnown;
    this.startedNs = startedNs;
    this.deadlineNs = deadlineNs;
    if (startedNs !== 0n) this.startedAt ??= wallTime(startedNs);
    this.state = stopping ? 'stopping' : startedNs === 0n ? 'created' : isFrozen(this.cgroup) ? 'paused' : 'running';
  }

  /** It is ready, or has failed to get so. */
  takeReady(ready: Readiness): void {
    this.ready = ready;
    this.#tellReady();
  }

  /** The record is written: this is the end. */
  settle(exit: Exit): void {
    if (this.ready?.state === 'waiting') this.takeReady({ state: 'failed', at: exit.at, took_usec: null });
    this.exit = exit;
    this.state = 'exited';
    this.#plan = null;
    this.#settle(exit);
  }

  /** The figures as the kernel has them now, or as they were at the end. */
  usage(): Usage {
    if (this.#usageAtEnd !== null) return this.#usageAtEnd;
    const row = new Float64Array(native.columns.length);
    native.sample(Uint32Array.of(this.handle), row);
    if (!this.spec.init) this.#outlive(row);
    return this.#toUsage(row, native.ioStat(this.handle));
  }

  #toUsage(row: Float64Array, ioStat: string): Usage {
    const usage = toUsage(row, columns, this.#io.sum(ioStat));
    return { ...usage, network: usage.network ?? this.#networkBefore };
  }

  /** Counts as outlived the OOM kills of a reading, where the first process still goes on. The next daemon has to know soon. */
  #outlive(row: Float64Array | undefined): void {
    const oomKills = row === undefined ? 0 : oomKillsOf(row);
    if (oomKills <= this.#outlivedOomKills || !readGoesOn(this.pid, this.startTicks)) return;
    this.#outlivedOomKills = oomKills;
    this.savedUsec = 0;
  }

  /** The rates between the two newest readings of the sampler; null before there are two. */
  rates(): Rates | null {
    if (this.#before === null || this.#last === null) return null;
    return ratesBetween(this.#before, this.#last, columns);
  }

  /** Changes what may change of the spec of a container that is there. */
  changeSpec(change: Partial<Pick<Spec, 'resources' | 'defaulted' | 'lifetimeUsec' | 'jitterUsec'>>): void {
    Object.assign(this.spec, change);
    this.#lastingText = null;
  }

  status(): ContainerStatus {
    return { ...this.#moving(), ...this.#used(), ...this.#lasting() };
  }

  /**
   * The status as JSON, for a list of many: it has the use as the kernel had it when it was first asked for after the last
   * round of the sampler.
   */
  statusText(): string {
    this.#usageText ??= fieldsOf(this.#used());
    const lasting = this.#lastingText ?? fieldsOf(this.#lasting());
    if (lasting.length <= KEPT_TEXT_LENGTH) this.#lastingText = lasting;
    return `{${this.#moved()},${this.#usageText},${lasting}}`;
  }

  /** The status, without the parts that the kernel is asked for where none of `fields` is one of them. */
  statusWith(fields: readonly string[]): Partial<ContainerStatus> {
    const withUse = fields.includes('usage') || fields.includes('rates');
    return withUse ? this.status() : { ...this.#moving(), ...this.#lasting() };
  }

  /** The moving part as text, made anew where something of it has changed. */
  #moved(): string {
    const { state, startedAt, deadlineNs, ready, exit, phases } = this;
    const of = [state, startedAt, deadlineNs, ready, exit, phases];
    const before = this.#movingText;
    if (before?.of.every((value, i) => value === of[i])) return before.text;
    const text = fieldsOf(this.#moving());
    this.#movingText = { of, text };
    return text;
  }

  #moving() {
    return {
      id: this.id,
      state: this.state,
      pid: this.state === 'exited' ? null : this.pid,
      created_at: this.createdAt.toISOString(),
      started_at: this.startedAt?.toISOString() ?? null,
      deadline_at: this.deadlineAt?.toISOString() ?? null,
      ready: this.ready,
      exit: this.exit,
      start_phases_usec: tellPhases(this.phases),
    };
  }

  #used() {
    return { usage: this.usage(), rates: this.rates() };
  }

  /** What only {@link changeSpec} changes. */
  #lasting() {
    const { cgroup, userns, spec } = this;
    return { cgroup, userns, warnings: warningsOf(spec), image: spec.root.image ?? null, spec };
  }

  /** The status with what the kernel says of the first process. */
  details(): ContainerDetails {
    const live = this.state !== 'exited';
    return { ...this.status(), effective: live ? readEffective(this.pid, this.cgroup) : null };
  }

  /**
   * Ends it at once if it has not begun to end: the signal now, the kill after `timeoutUsec`.
   * A stop that is under way goes on as it is, but for a timeout of 0.
   */
  beginStop(timeoutUsec: number, signal: string): void {
    const deadline = this.deadline(native.boottimeNs(), CAUSE.stop, timeoutUsec, signal);
    const begun = native.setDeadline(this.handle, deadline);
    if (begun) this.state = 'stopping';
    else if (timeoutUsec === 0) native.kill(this.handle);
  }

  /**
   * Writes limits to the group, undoing them where one is refused.
   * @throws NiwaError HOST_ERROR with the write that failed
   */
  writeLimits(
    writes: readonly { file: string; value: string }[],
    undo: readonly { file: string; value: string }[],
  ): void {
    for (const { file, value } of writes) {
      const errno = native.write(this.handle, file, value);
      if (errno === 0) continue;
      for (const before of undo) native.write(this.handle, before.file, before.value);
      throw new NiwaError(
        'HOST_ERROR',
        `the kernel refuses ${file} = "${value}" for container ${this.id}: ${errnoName(errno)}. The limits are as they were.`,
      );
    }
  }
}

/** How many processes the OOM killer has taken in a group, by a reading of it. */
function oomKillsOf(row: Float64Array): number {
  return figure(row, columns, 'memory.events:oom_kill') ?? 0;
}

/** The JSON of an object without its braces. */
function fieldsOf(part: object): string {
  return JSON.stringify(part).slice(1, -1);
}

/** A deadline for the addon: at `atNs`, the stop signal of the spec, and after its `timeoutUsec` the kill. */
export function deadlineOf(
  spec: Spec,
  atNs: bigint,
  cause: number,
  timeoutUsec = spec.stopTimeoutUsec,
  signal = spec.stopSignal,
): Deadline {
  return { atNs, cause, signal: signalNumber(signal) ?? 15, timeoutNs: BigInt(timeoutUsec) * 1000n };
}

/** Now in microseconds of CLOCK_BOOTTIME. */
export function usecNow(): number {
  return Number(native.boottimeNs() / 1000n);
}

/** Gives the wall time of a moment of CLOCK_BOOTTIME. */
export function wallTime(ns: bigint): Date {
  return new Date(Date.now() - Number((native.boottimeNs() - ns) / 1_000_000n));
}
