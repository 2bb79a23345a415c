import { NiwaError } from '../errors.js';
import type { Exit, State } from '../protocol/container.js';
import { wallTime } from './clock.js';

/** The states that may follow each state. */
const NEXT: Record<State, readonly State[]> = {
  created: ['running', 'stopping'],
  running: ['paused', 'stopping'],
  paused: ['running', 'stopping'],
  stopping: ['stopping', 'exited'],
  exited: [],
};

/** How far a container is when this niwad begins to know it. */
export interface Begun {
  state: State;
  startedAt: Date | null;
  startedNs: bigint;
  deadlineNs: bigint;
}

/** That of a container that has just been made. */
export const NOT_STARTED: Begun = { state: 'created', startedAt: null, startedNs: 0n, deadlineNs: 0n };

/**
 * The state of one container and the moments of its life. Each change is a method, and one that cannot follow the state is
 * refused with INTERNAL: it would be a defect of niwa. What a user may ask for in which state is in actions.ts.
 */
export class Life {
  /** Resolves with the exit once its usage record is on disk. */
  readonly exited: Promise<Exit>;
  readonly #id: string;
  #state: State;
  #startedAt: Date | null;
  #startedNs: bigint;
  #deadlineNs: bigint;
  /** How it has ended, known before it counts as exited. */
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

  /** The moment of the start on CLOCK_BOOTTIME, 0n before it. */
  get startedNs(): bigint {
    return this.#startedNs;
  }

  get hasStarted(): boolean {
    return this.#startedNs !== 0n;
  }

  /** The deadline on CLOCK_BOOTTIME, 0n for none. */
  get deadlineNs(): bigint {
    return this.#deadlineNs;
  }

  /** The deadline by the wall clock as it is set now. */
  get deadlineAt(): Date | null {
    return this.#deadlineNs === 0n ? null : wallTime(this.#deadlineNs);
  }

  get ending(): Exit | null {
    return this.#ending;
  }

  get exit(): Exit | null {
    return this.#exit;
  }

  /** Its workload is executed. A stop that has begun meanwhile goes on. */
  start(startedNs: bigint, deadlineNs: bigint): void {
    if (this.hasStarted || this.#state === 'paused') throw this.#defect('running');
    if (this.#state !== 'stopping') this.#go('running');
    this.#startedAt = wallTime(startedNs);
    this.#startedNs = startedNs;
    this.#deadlineNs = deadlineNs;
  }

  /**
   * It is frozen, or not any more.
   * @returns false where it has begun to end while that was done: then nothing has changed
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

  /** A stop or a deadline has begun, or it has ended by itself. */
  beginEnd(): void {
    this.#go('stopping');
  }

  /** Takes how it has ended, which is decided before it is recorded; a final record that is found then replaces it. */
  endAs(exit: Exit): void {
    if (this.#state !== 'stopping') this.#go('stopping');
    this.#ending = exit;
  }

  /** The record is written: this is the end. */
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
