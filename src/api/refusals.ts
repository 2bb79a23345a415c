const WINDOW_MS = 60_000;
/** How many refusals of one user, and of all users together, may be told in a minute. */
const MOST_OF_USER = 60;
const MOST_OF_ALL = 600;

/**
 * Bounds how many refusals are told in a minute. A refusal costs its caller nothing, so lines about refusals could fill
 * the log, and the lines about what was done would be lost in it.
 */
export class Refusals {
  readonly #tellLeftOut: (refusals: number) => void;
  readonly #byUser = new Map<number, number>();
  #told = 0;
  #leftOut = 0;
  #timer: NodeJS.Timeout | undefined;

  /** @param tellLeftOut called at the end of a minute in which refusals were not told, with their number */
  constructor(tellLeftOut: (refusals: number) => void) {
    this.#tellLeftOut = tellLeftOut;
  }

  /** Counts one more refusal of a user; -1 for a caller whom the kernel did not name. @returns whether to tell it */
  mayTell(uid: number): boolean {
    this.#timer ??= setTimeout(() => this.#endWindow(), WINDOW_MS).unref();
    const ofUser = this.#byUser.get(uid) ?? 0;
    if (ofUser >= MOST_OF_USER || this.#told >= MOST_OF_ALL) {
      this.#leftOut++;
      return false;
    }
    this.#byUser.set(uid, ofUser + 1);
    this.#told++;
    return true;
  }

  #endWindow(): void {
    const leftOut = this.#leftOut;
    this.#byUser.clear();
    this.#told = 0;
    this.#leftOut = 0;
    this.#timer = undefined;
    if (leftOut > 0) this.#tellLeftOut(leftOut);
  }
}
