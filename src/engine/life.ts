import type { Exit, State } from '../protocol/container.js';
import { NiwaError } from '../protocol/errors.js';
import { wallTime } from './clock.js';

/** For each state, the states that may follow. */
const NEXT: Record<State, readonly State[]> = {
  created: ['running', 'stopping'],
  running: ['paused', 'stopping'],
  paused: ['running', 'stopping'],
  stopping: ['stopping', 'exited'],
  exited: [],
};

/** The state of a container when this niwad begins to manage it. */
export interface Begun {
  state: State;
  startedAt: Date | null;
  startedNs: bigint;
  deadlineNs: bigint;
}

/** The state of a container that has just been made. */
export const NOT_STARTED: Begun = { state: 'created', startedAt: null, startedNs: 0n, deadlineNs: 0n };

/**
 * The state of one container and the times of its life. Each change is a method. A change that the current state does
 * not allow throws INTERNAL, because only a defect of niwa can request it. Which request of a user is allowed in which
 * state is in actions.ts.
 */
export class Life {
  /** Resolves with the exit when the usage record is on disk. */
  readonly exited: Promise<Exit>;
  readonly #id: string;
  #state: State;
  #startedAt: Date | null;
  #startedNs: bigint;
  #deadlineNs: bigint;
  /** How the container has ended; set before the state becomes `exited`. */
  #ending: Exit | null = null;
  #exit: Exit | null = null;
  #tellExited: (exit: Exit) => void = () => {};

  constructor(id: string, { state, startedAt, startedNs, deadlineNs }: Begun = NOT_STARTED) {
    this.#id = id;
    this.#state = state;
    this.#startedAt = startedAt;
    this.#startedNs = startedNs;
    this.#deadlineNs = deadlineNs;
    this.exited = new Promise((resolve) => {
      this.#tellExited = resolve;
    });
  }

  get state(): State {
    return this.#state;
  }

  get startedAt(): Date | null {
    return this.#startedAt;
  }

  /** The time of the start on CLOCK_BOOTTIME; 0n before the start. */
  get startedNs(): bigint {
    return this.#startedNs;
  }

  get hasStarted(): boolean {
    return this.#startedNs !== 0n;
  }

  /** The deadline on CLOCK_BOOTTIME; 0n for none. */
  get deadlineNs(): bigint {
    return this.#deadlineNs;
  }

  /** The deadline as wall time, by the current setting of the wall clock. */
  get deadlineAt(): Date | null {
    return this.#deadlineNs === 0n ? null : wallTime(this.#deadlineNs);
  }

  get ending(): Exit | null {
    return this.#ending;
  }

  get exit(): Exit | null {
    return this.#exit;
  }

  /** Called when the workload is executed. If a stop has begun meanwhile, the state stays `stopping`. */
  start(startedNs: bigint, deadlineNs: bigint): void {
    if (this.hasStarted || this.#state === 'paused') throw this.#defect('running');
    if (this.#state !== 'stopping') this.#go('running');
    this.#startedAt = wallTime(startedNs);
    this.#startedNs = startedNs;
    this.#deadlineNs = deadlineNs;
  }

  /**
   * Takes whether the container is frozen.
   * @returns false if the container's end began during the freeze: the state is then unchanged
   */
  setFrozen(frozen: boolean): boolean {
    const next = frozen ? 'paused' : 'running';
    if (this.#state !== 'running' && this.#state !== 'paused') return false;
    if (this.#state !== next) this.#go(next);
    return true;
  }

  moveDeadline(deadlineNs: bigint): void {
    this.#deadlineNs = deadlineNs;
  }

  /** Called when a stop or a deadline has begun, or the container has ended by itself. */
  beginEnd(): void {
    this.#go('stopping');
  }

  /**
   * Takes how the container has ended, before this is recorded. If a final record exists already, a second call
   * replaces it.
   */
  endAs(exit: Exit): void {
    if (this.#state !== 'stopping') this.#go('stopping');
    this.#ending = exit;
  }

  /** Called when the final record is written: the state becomes `exited`. */
  end(): Exit {
    if (this.#ending === null) throw this.#defect('exited');
    this.#go('exited');
    this.#exit = this.#ending;
    this.#tellExited(this.#exit);
    return this.#exit;
  }

  #go(next: State): void {
    if (!NEXT[this.#state].includes(next)) throw this.#defect(next);
    this.#state = next;
  }

  #defect(next: State): NiwaError {
    const before = this.#ending === null ? this.#state : `${this.#state}, and has ended`;
    return new NiwaError('INTERNAL', `container ${this.#id} is ${before}: ${next} cannot follow`);
  }
}
