/** How many rounds are known. */
const KEPT = 64;

/**
 * The numbers and times of the sampler's newest rounds. They are kept once for all containers: one that was idle in a
 * round has nothing of its own to keep of it.
 */
export class Rounds {
  readonly #usec = new Float64Array(KEPT);
  readonly #ms = new Float64Array(KEPT);
  #newest = 0;
  #frozen: Rounds | null = null;

  /** The number of the newest round; the first one is 1, and 0 is before it. */
  get newest(): number {
    return this.#newest;
  }

  /**
   * Begins a round.
   * @param usec the time in microseconds of CLOCK_BOOTTIME
   * @param ms the same in milliseconds since 1970
   */
  begin(usec: number, ms: number): void {
    this.#newest++;
    this.#usec[this.#newest % KEPT] = usec;
    this.#ms[this.#newest % KEPT] = ms;
    this.#frozen = null;
  }

  /** Gives the time of one of the newest 64 rounds, in microseconds of CLOCK_BOOTTIME. */
  usecOf(round: number): number {
    return this.#usec[round % KEPT] ?? 0;
  }

  /** The same in milliseconds since 1970. */
  msOf(round: number): number {
    return this.#ms[round % KEPT] ?? 0;
  }

  /** Gives the rounds until now, to which no later ones are added; the same object to all who ask during one round. */
  frozen(): Rounds {
    if (this.#frozen !== null) return this.#frozen;
    const frozen = new Rounds();
    frozen.#usec.set(this.#usec);
    frozen.#ms.set(this.#ms);
    frozen.#newest = this.#newest;
    this.#frozen = frozen;
    return frozen;
  }
}
