import type { RestartPolicy } from '../protocol/resolved-restart.js';

/** The user who made a container: its later runs are made with the rights of this user. */
export interface Author {
  uid: number;
  gid: number;
  /** Whether the files of the host have named the user as a member of niwad's group; false where nobody asked. */
  isListed: boolean;
}

/** The place of a run among the runs of its container. It is saved with the state of the container. */
export interface RunsState {
  /** Null where an older niwad has made the container. */
  author: Author | null;
  /** How many runs the container had before this one. */
  earlier: number;
  /** How many restarts have followed each other without a long run between them. */
  inRow: number;
  /** Whether a user has told the container to stop: then only the next niwad may start it again. */
  isStopped: boolean;
  /** Whether it was made ahead, for whoever takes it; missing where it was not. */
  isMadeAhead?: boolean;
}

export const FIRST_RUN: RunsState = { author: null, earlier: 0, inRow: 0, isStopped: false };

/** The place of a container that is made ahead, see Container.isUntaken. */
export const MADE_AHEAD: RunsState = { ...FIRST_RUN, isMadeAhead: true };

/** What will come after an end: a restart at a time, nothing, or it is not decided yet. */
export type Next = { type: 'open' } | { type: 'waits'; at: Date } | { type: 'over' };

/** The runs of one container up to the one that it has now, and what follows that one. */
export class Runs {
  #state: RunsState;
  #next: Next = { type: 'open' };
  #failure: string | null = null;

  constructor(state: RunsState) {
    this.#state = state;
  }

  /** The part that is saved; a change replaces the object. */
  get state(): RunsState {
    return this.#state;
  }

  /** A change replaces the object. */
  get next(): Next {
    return this.#next;
  }

  /** Why the last restart was refused; null if none was. */
  get failure(): string | null {
    return this.#failure;
  }

  /** The state of the run that follows this one. @param inRow how many restarts in a row it is */
  following(inRow: number): RunsState {
    return { ...this.#state, earlier: this.#state.earlier + 1, inRow, isStopped: false, isMadeAhead: false };
  }

  /** A user has told the container to stop. */
  stop(): void {
    this.#state = { ...this.#state, isStopped: true };
  }

  /** A new niwad has begun: a stop of before and the restarts in a row do not count any more. */
  beginAnew(): void {
    this.#state = { ...this.#state, isStopped: false, inRow: 0 };
  }

  /** The container waits for a restart. @param failure why the restart before this one was refused */
  wait(at: Date, inRow: number, failure: string | null): void {
    this.#state = { ...this.#state, inRow };
    this.#next = { type: 'waits', at };
    this.#failure = failure;
  }

  /** Nothing follows by itself. */
  end(): void {
    this.#next = { type: 'over' };
  }

  /** Whether this niwad or the next one may start the container again by itself. */
  mayFollow(restart: RestartPolicy | undefined): boolean {
    if (restart === undefined) return false;
    return this.#next.type !== 'over' || (restart.policy === 'always' && this.#state.isStopped);
  }
}
