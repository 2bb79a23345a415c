import { constants } from 'node:os';
import { NiwaError } from '../errors.js';
import { type Deadline, errnoName, type Failure, type Handle, native, type Started } from '../native.js';
import type { Spec } from '../protocol/resolved-spec.js';
import { knownSignal } from '../spec/signals.js';
import { requireState } from './actions.js';
import { deadlineOf } from './deadline.js';
import { CAUSE } from './exit.js';
import type { Life } from './life.js';

const FREEZE_TIMEOUT_MS = 5000;

/** What is controlled. */
export interface Controlled {
  readonly id: string;
  readonly handle: Handle;
  readonly spec: Readonly<Spec>;
  readonly life: Life;
}

/** What niwa does to the processes and the group of one container. */
export class Control {
  readonly #of: Controlled;
  /** The answer of the addon to the start, while and after it is awaited; null while the start waits for its turn. */
  #starting: Promise<Started | Failure> | null = null;
  #sentSignal: number;

  /** @param sentSignal the last signal that an earlier niwad has sent, 0 for none */
  constructor(controlled: Controlled, sentSignal: number) {
    this.#of = controlled;
    this.#sentSignal = sentSignal;
  }

  /** The last signal that was sent through niwa, 0 for none. */
  get sentSignal(): number {
    return this.#sentSignal;
  }

  /**
   * Lets its workload be executed; the container is to be told of the answer.
   * @param lifetimeNs from the start on, 0n for none
   */
  start(lifetimeNs: bigint, deadline: Deadline): Promise<Started | Failure> {
    this.#starting = native.start(this.#of.handle, lifetimeNs, deadline);
    return this.#starting;
  }

  /** Resolves when the answer to a start that is under way is there: a workload may end before it. */
  async startAnswered(): Promise<void> {
    await this.#starting;
  }

  /**
   * Ends it at once if it has not begun to end: the signal now, the kill after `timeoutUsec`; as its spec says unless given.
   * A stop that is under way goes on as it is, but for a timeout of 0.
   */
  beginStop(timeoutUsec = this.#of.spec.stopTimeoutUsec, signal = this.#of.spec.stopSignal): void {
    const deadline = deadlineOf(this.#of.spec, native.boottimeNs(), CAUSE.stop, timeoutUsec, signal);
    if (native.setDeadline(this.#of.handle, deadline)) this.#of.life.beginEnd();
    else if (timeoutUsec === 0) native.kill(this.#of.handle);
  }

  /** Kills all of it at once, as a stop without patience does; nothing happens where it has exited. */
  end(): void {
    if (this.#of.life.state !== 'exited') this.beginStop(0, 'SIGKILL');
  }

  /**
   * Sends a signal to its first process.
   * @throws NiwaError STATE_CONFLICT, HOST_ERROR
   */
  signal(name: string): void {
    const sent = native.signal(this.#of.handle, knownSignal(name));
    if (sent === -constants.errno.ESRCH)
      throw new NiwaError('STATE_CONFLICT', `cannot kill container ${this.#of.id}: it has just ended`);
    if (sent < 0)
      throw new NiwaError('HOST_ERROR', `cannot send ${name} to container ${this.#of.id}: ${errnoName(-sent)}`);
    this.#sentSignal = sent;
  }

  /**
   * Freezes every process of it, or lets them go on.
   * @throws NiwaError STATE_CONFLICT, HOST_ERROR
   */
  async setFrozen(frozen: boolean): Promise<void> {
    const action = frozen ? 'pause' : 'resume';
    requireState(action, this.#of.id, this.#of.life.state);
    const errno = await native.freeze(this.#of.handle, frozen, FREEZE_TIMEOUT_MS);
    if (errno !== 0) {
      await native.freeze(this.#of.handle, !frozen, 0);
      throw new NiwaError(
        'HOST_ERROR',
        `cannot ${action} container ${this.#of.id}: ${errnoName(errno)} from cgroup.freeze`,
      );
    }
    // It may have begun to end while the kernel froze it; a pause must not stand in the way of that.
    if (!this.#of.life.setFrozen(frozen)) await native.freeze(this.#of.handle, false, 0);
  }

  /**
   * Moves the end of its lifetime to a moment of CLOCK_BOOTTIME, 0n for never.
   * @throws NiwaError STATE_CONFLICT where it has ended, or a deadline has passed already
   */
  moveDeadline(atNs: bigint): void {
    if (!native.setDeadline(this.#of.handle, deadlineOf(this.#of.spec, atNs, CAUSE.lifetime)))
      throw new NiwaError('STATE_CONFLICT', `cannot change the lifetime of container ${this.#of.id}: it is ending`);
    this.#of.life.moveDeadline(atNs);
  }

  /** Moves the end of its lifetime to so long from now. @throws NiwaError STATE_CONFLICT as {@link moveDeadline} */
  setRemaining(usec: number): void {
    this.moveDeadline(native.boottimeNs() + BigInt(usec) * 1000n);
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
      const errno = native.write(this.#of.handle, file, value);
      if (errno === 0) continue;
      for (const before of undo) native.write(this.#of.handle, before.file, before.value);
      throw new NiwaError(
        'HOST_ERROR',
        `the kernel refuses ${file} = "${value}" for container ${this.#of.id}: ${errnoName(errno)}. The limits are as they were.`,
      );
    }
  }
}
