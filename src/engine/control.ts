import type { Deadline, Handle, Started } from '../kernel/containers.js';
import { errnoOf, isKernelError } from '../kernel/errors.js';
import type { Kernel } from '../kernel/kernel.js';
import { NiwaError } from '../protocol/errors.js';
import type { Spec } from '../protocol/resolved-spec.js';
import { knownSignal } from '../spec/signals.js';
import { requireState } from './actions.js';
import { deadlineOf } from './deadline.js';
import { CAUSE } from './exit.js';
import type { Life } from './life.js';
import type { SavedState } from './saved-state-types.js';

const FREEZE_TIMEOUT_MS = 5000;

/** The container that is controlled. */
export interface Controlled {
  readonly id: string;
  readonly handle: Handle;
  readonly spec: Readonly<Spec>;
  readonly life: Life;
}

/** Signals, freezes, ends and limits the processes and the group of one container. */
export class Control {
  readonly #of: Controlled;
  readonly #kernel: Pick<Kernel, 'births' | 'containers' | 'host'>;
  /** Resolves when the result of the start is taken; null if this niwad has not started the container. */
  #begun: Promise<void> | null = null;
  #sentSignal: number;
  #isDumped: boolean;

  /** @param saved what an earlier niwad has done; null for a container that this one has made */
  constructor(
    controlled: Controlled,
    saved: Pick<SavedState, 'sentSignal' | 'isDumped'> | null,
    kernel: Pick<Kernel, 'births' | 'containers' | 'host'>,
  ) {
    this.#of = controlled;
    this.#kernel = kernel;
    this.#sentSignal = saved?.sentSignal ?? 0;
    this.#isDumped = saved?.isDumped ?? false;
  }

  /** The last signal that was sent through niwa; 0 for none. */
  get sentSignal(): number {
    return this.#sentSignal;
  }

  /**
   * Lets the boot helper execute the workload; the caller takes the answer.
   * @param lifetimeNs the lifetime from the start on, 0n for no deadline
   * @throws KernelError with the failed step
   */
  start(lifetimeNs: bigint, deadline: Deadline): Promise<Started> {
    const { births, containers } = this.#kernel;
    const by = this.#of.spec.oci === undefined ? containers : births; // hooks of an engine may take long
    return by.start(this.#of.handle, lifetimeNs, deadline);
  }

  /**
   * Makes the end of the container wait until the result of its start is taken: the workload may end before the answer
   * to the start arrives.
   */
  endAfter(begun: Promise<void>): void {
    this.#begun = begun;
    begun.catch(() => {}); // the caller of the start gets this error
  }

  /** The promise of {@link endAfter}; null if this niwad has not started the container. */
  get begun(): Promise<void> | null {
    return this.#begun;
  }

  /**
   * Begins the end of the container, if it has not begun: sends the signal now, and kills after `timeoutUsec`; signal
   * and timeout are those of the spec unless given. A stop that has begun before stays as it is, unless the new timeout
   * is 0.
   */
  beginStop(timeoutUsec = this.#of.spec.stopTimeoutUsec, signal = this.#of.spec.stopSignal): void {
    const deadline = deadlineOf(this.#of.spec, this.#kernel.host.boottimeNs(), CAUSE.stop, timeoutUsec, signal);
    const { containers } = this.#kernel;
    if (containers.setDeadline(this.#of.handle, deadline)) this.#of.life.beginEnd();
    else if (timeoutUsec === 0) containers.kill(this.#of.handle);
  }

  /**
   * Kills all processes of the container now, like a stop with a timeout of 0; does nothing if the container has
   * exited. If the kernel refuses, for example for lack of a free descriptor, a stop that has begun before continues.
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
   * Sends a signal to the container's first process.
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
   * Freezes or thaws all processes of the container.
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
    // The container's end may have begun while the kernel froze it. Frozen processes cannot end, so they are thawed
    // again.
    if (!this.#of.life.setFrozen(frozen)) await this.#beginFreeze(false);
  }

  /** Whether another program writes the container, which was running, into files: it freezes the group meanwhile. */
  get isDumped(): boolean {
    return this.#isDumped;
  }

  beginDump(): void {
    this.#isDumped = this.#of.life.state === 'running';
  }

  /** Called when the group is frozen or thawed by niwad alone again. Gives whether a dump had begun before. */
  endDump(): boolean {
    const wasDumped = this.#isDumped;
    this.#isDumped = false;
    return wasDumped;
  }

  /** Thaws a group that another program has left frozen; does nothing where the container is paused. */
  async thaw(): Promise<void> {
    if (this.#of.life.state !== 'paused') await this.#beginFreeze(false);
  }

  /** Asks the kernel to freeze or thaw the group; the kernel finishes this later. */
  async #beginFreeze(frozen: boolean): Promise<void> {
    await this.#kernel.containers.freeze(this.#of.handle, frozen, 0).catch(errnoOf);
  }

  /**
   * Moves the deadline to a moment of CLOCK_BOOTTIME, 0n for no deadline.
   * @throws NiwaError STATE_CONFLICT if the container has ended, or a deadline has already passed
   */
  moveDeadline(atNs: bigint): void {
    const deadline = deadlineOf(this.#of.spec, atNs, CAUSE.lifetime);
    if (!this.#kernel.containers.setDeadline(this.#of.handle, deadline))
      throw new NiwaError('STATE_CONFLICT', `cannot change the lifetime of container ${this.#of.id}: it is ending`);
    this.#of.life.moveDeadline(atNs);
  }

  /** Moves the deadline to `usec` microseconds from now. @throws NiwaError STATE_CONFLICT as {@link moveDeadline} */
  setRemaining(usec: number): void {
    this.moveDeadline(this.#kernel.host.boottimeNs() + BigInt(usec) * 1000n);
  }

  /**
   * Writes limits to the container's group. If the kernel refuses one of them, the limits written before are undone.
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
