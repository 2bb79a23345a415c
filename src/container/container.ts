import { History } from '../accounting/history.js';
import { type Rates, type Reading, ratesBetween } from '../accounting/rates.js';
import { figure, indexColumns, toUsage, type Usage } from '../accounting/usage.js';
import { NiwaError } from '../errors.js';
import { readEffective } from '../host/effective.js';
import type { IdRange } from '../host/id-pool.js';
import type { ContainerLog } from '../logs/log.js';
import { type Deadline, type ExitEvent, errnoName, type Handle, type Native, native } from '../native.js';
import type { Plan } from '../plan/plan.js';
import { signalName, signalNumber } from '../spec/signals.js';
import type { Spec } from '../spec/spec.js';
import { CAUSE, exitReason } from './exit.js';
import { Lock } from './lock.js';
import type { ContainerDetails, ContainerStatus, Exit, State } from './status.js';

export const columns = indexColumns(native.columns);

/** One container: what was asked for, what was decided, and what has become of it. */
export class Container {
  readonly spec: Spec;
  readonly plan: Plan;
  readonly handle: Handle;
  readonly pid: number;
  readonly log: ContainerLog;
  /** The host ids that are its own, to be given back at the end; null where it has none of the pool. */
  readonly idRange: IdRange | null;
  /** Makes the operations on this container wait for each other. */
  readonly lock = new Lock();
  readonly history = new History();
  readonly createdAt = new Date();
  /** Resolves with the exit once its usage record is on disk. */
  readonly exited: Promise<Exit>;
  state: State = 'created';
  startedAt: Date | null = null;
  /** The moment of the start on CLOCK_BOOTTIME, 0n before it. */
  startedNs = 0n;
  deadlineAt: Date | null = null;
  /** The addon's answer to the start, while and after it is awaited. */
  starting: ReturnType<Native['start']> | null = null;
  /** The last signal that was sent through niwa. */
  sentSignal = 0;
  startFailed = false;
  exit: Exit | null = null;
  #before: Reading | null = null;
  #last: Reading | null = null;
  #lastIoStat: string | null = null;
  #settle: (exit: Exit) => void = () => {};

  constructor(spec: Spec, plan: Plan, handle: Handle, pid: number, log: ContainerLog, idRange: IdRange | null) {
    this.spec = spec;
    this.plan = plan;
    this.handle = handle;
    this.pid = pid;
    this.log = log;
    this.idRange = idRange;
    this.exited = new Promise((resolve) => {
      this.#settle = resolve;
    });
  }

  get id(): string {
    return this.spec.id;
  }

  /** The deadline of this container for the addon: at `atNs`, its stop signal, and after `timeoutUsec` the kill. */
  deadline(
    atNs: bigint,
    cause: number,
    timeoutUsec = this.spec.stopTimeoutUsec,
    signal = this.spec.stopSignal,
  ): Deadline {
    return { atNs, cause, signal: signalNumber(signal) ?? 15, timeoutNs: BigInt(timeoutUsec) * 1000n };
  }

  /** Takes a reading of the sampler; after the end the last one stands. */
  take(reading: Reading): void {
    if (this.#lastIoStat !== null) return;
    this.#before = this.#last;
    this.#last = reading;
    const rates = this.rates();
    if (rates !== null) this.history.add(Date.now(), rates, figure(reading.row, columns, 'memory.current'));
  }

  /** Takes the last reading and the way it ended; the state stays until the record is written. */
  takeExit(event: ExitEvent): Exit {
    this.#before = this.#last;
    this.#last = { usec: Number(event.atNs / 1000n), row: event.row };
    this.#lastIoStat = event.ioStat;
    const oomKills = figure(event.row, columns, 'memory.events:oom_kill') ?? 0;
    const { statusKnown, code, signal, cause } = event;
    const reason = exitReason({
      statusKnown,
      signal,
      cause,
      sentSignal: this.sentSignal,
      oomKills,
      startFailed: this.startFailed,
    });
    return {
      code: code < 0 ? null : code,
      signal: signal === 0 ? null : signalName(signal),
      reason,
      at: wallTime(event.atNs).toISOString(),
    };
  }

  /** The record is written: this is the end. */
  settle(exit: Exit): void {
    this.exit = exit;
    this.state = 'exited';
    this.#settle(exit);
  }

  /** The figures as the kernel has them now, or as they were at the end. */
  usage(): Usage {
    if (this.#lastIoStat !== null && this.#last !== null) return toUsage(this.#last.row, columns, this.#lastIoStat);
    const row = new Float64Array(native.columns.length);
    native.sample(Uint32Array.of(this.handle), row);
    return toUsage(row, columns, native.ioStat(this.handle));
  }

  /** The rates between the two newest readings of the sampler; null before there are two. */
  rates(): Rates | null {
    if (this.#before === null || this.#last === null) return null;
    return ratesBetween(this.#before, this.#last, columns);
  }

  status(): ContainerStatus {
    return {
      id: this.id,
      state: this.state,
      pid: this.state === 'exited' ? null : this.pid,
      created_at: this.createdAt.toISOString(),
      started_at: this.startedAt?.toISOString() ?? null,
      deadline_at: this.deadlineAt?.toISOString() ?? null,
      exit: this.exit,
      usage: this.usage(),
      rates: this.rates(),
      cgroup: this.plan.cgroup.path,
      userns: this.plan.userns,
      spec: this.spec,
    };
  }

  /** The status with what the kernel says of the first process. */
  details(): ContainerDetails {
    const live = this.state !== 'exited';
    return { ...this.status(), effective: live ? readEffective(this.pid, this.plan.cgroup.path) : null };
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

/** Gives the wall time of a moment of CLOCK_BOOTTIME. */
export function wallTime(ns: bigint): Date {
  return new Date(Date.now() - Number((native.boottimeNs() - ns) / 1_000_000n));
}
