import { NiwaError } from '../errors.js';
import type { Deadline, Handle, Started } from '../kernel/containers.js';
import { errnoOf, isKernelError } from '../kernel/errors.js';
import type { Kernel } from '../kernel/kernel.js';
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
  readonly #kernel: Pick<Kernel, 'containers' | 'host'>;
  /** The taking of what came of its start; null before the start was asked for. */
  #begun: Promise<void> | null = null;
  #sentSignal: number;

  /** @param sentSignal the last signal that an earlier niwad has sent, 0 for none */
  constructor(controlled: Controlled, sentSignal: number, kernel: Pick<Kernel, 'containers' | 'host'>) {
    this.#of = controlled;
    this.#kernel = kernel;
    this.#sentSignal = sentSignal;
  }

  /** The last signal that was sent through niwa, 0 for none. */
  get sentSignal(): number {
    return this.#sentSignal;
  }

  /**
   * Lets its workload be executed; the container is to be told of the answer.
   * @param lifetimeNs from the start on, 0n for none
   * @throws KernelError with the step
   */
  start(lifetimeNs: bigint, deadline: Deadline): Promise<Started> {
    return this.#kernel.containers.start(this.#of.handle, lifetimeNs, deadline);
  }

  /** Its workload may end before the answer to its start has come: then the end waits until that is taken. */
  endAfter(begun: Promise<void>): void {
    this.#begun = begun;
    begun.catch(() => {}); // whoever asked for the start hears of it
  }

  /** What {@link endAfter} was given; null where it was not started by this niwad. */
  get begun(): Promise<void> | null {
    return this.#begun;
  }

  /**
   * Ends it at once if it has not begun to end: the signal now, the kill after `timeoutUsec`; as its spec says unless given.
   * A stop that is under way goes on as it is, but for a timeout of 0.
   */
  beginStop(timeoutUsec = this.#of.spec.stopTimeoutUsec, signal = this.#of.spec.stopSignal): void {
    const deadline = deadlineOf(this.#of.spec, this.#kernel.host.boottimeNs(), CAUSE.stop, timeoutUsec, signal);
    const { containers } = this.#kernel;
    if (containers.setDeadline(this.#of.handle, deadline)) this.#of.life.beginEnd();
    else if (timeoutUsec === 0) containers.kill(this.#of.handle);
  }

  /**
   * Kills all of it at once, as a stop without patience does; nothing happens where it has exited. Where the kernel refuses, as
   * without a free descriptor, the stop that is under way goes on.
   */
  end(): void {
    if (this.#of.life.state === 'exited') return;
    try {
      this.beginStop(0, 'SIGKILL');
    } catch (error) {
      if (!isKernelError(error)) throw error;
    }
  }

  /**
   * Sends a signal to its first process.
   * @throws NiwaError STATE_CONFLICT, HOST_ERROR
   */
  signal(name: string): void {
    const { handle, id } = this.#of;
    try {
      this.#sentSignal = this.#kernel.containers.signal(handle, knownSignal(name));
    } catch (cause) {
      const errno = errnoOf(cause);
      if (errno === 'ESRCH')
        throw new NiwaError('STATE_CONFLICT', `cannot kill container ${id}: it has just ended`, { cause });
      throw new NiwaError('HOST_ERROR', `cannot send ${name} to container ${id}: ${errno}`, { cause });
    }
  }

  /**
   * Freezes every process of it, or lets them go on.
   * @throws NiwaError STATE_CONFLICT, HOST_ERROR
   */
  async setFrozen(frozen: boolean): Promise<void> {
    const action = frozen ? 'pause' : 'resume';
    requireState(action, this.#of.id, this.#of.life.state);
    const { handle, id } = this.#of;
    try {
      await this.#kernel.containers.freeze(handle, frozen, FREEZE_TIMEOUT_MS);
    } catch (cause) {
      const errno = errnoOf(cause);
      await this.#beginFreeze(!frozen);
      throw new NiwaError('HOST_ERROR', `cannot ${action} container ${id}: ${errno} from cgroup.freeze`, { cause });
    }
    // It may have begun to end while the kernel froze it; a pause must not stand in the way of that.
    if (!this.#of.life.setFrozen(frozen)) await this.#beginFreeze(false);
  }

  /** Lets the kernel freeze or thaw it, without waiting until it has done that. */
  async #beginFreeze(frozen: boolean): Promise<void> {
    await this.#kernel.containers.freeze(this.#of.handle, frozen, 0).catch(errnoOf);
  }

  /**
   * Moves the end of its lifetime to a moment of CLOCK_BOOTTIME, 0n for never.
   * @throws NiwaError STATE_CONFLICT where it has ended, or a deadline has passed already
   */
  moveDeadline(atNs: bigint): void {
    const deadline = deadlineOf(this.#of.spec, atNs, CAUSE.lifetime);
    if (!this.#kernel.containers.setDeadline(this.#of.handle, deadline))
      throw new NiwaError('STATE_CONFLICT', `cannot change the lifetime of container ${this.#of.id}: it is ending`);
    this.#of.life.moveDeadline(atNs);
  }

  /** Moves the end of its lifetime to so long from now. @throws NiwaError STATE_CONFLICT as {@link moveDeadline} */
  setRemaining(usec: number): void {
    this.moveDeadline(this.#kernel.host.boottimeNs() + BigInt(usec) * 1000n);
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
      try {
        this.#kernel.containers.write(this.#of.handle, file, value);
      } catch (cause) {
        const errno = errnoOf(cause);
        for (const before of undo) this.#tryToWrite(before);
        throw new NiwaError(
          'HOST_ERROR',
          `the kernel refuses ${file} = "${value}" for container ${this.#of.id}: ${errno}. The limits are as they were.`,
          { cause },
        );
      }
    }
  }

  #tryToWrite({ file, value }: { file: string; value: string }): void {
    try {
      this.#kernel.containers.write(this.#of.handle, file, value);
    } catch (error) {
      if (!isKernelError(error)) throw error;
    }
  }
}
