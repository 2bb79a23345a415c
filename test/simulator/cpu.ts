/** The periods of the kernel's bandwidth control in a second: cpu.max with a period of 100 ms. */
const PERIODS = 10;
/** A program that starts uses this, for as long. */
const BOOT = { processors: 0.3, seconds: 2 };
/** Work that waits longer than this many periods is given up by those who wait for it. */
const PATIENCE = 20;

/** Random numbers from 0 to 1 that are the same in every run (mulberry32, public domain). */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** One instance's processor time under a quota, as a fluid: what a period has no time for waits for the next. */
export class Processor {
  /** Processor-seconds of work that wait. */
  waiting = 0;

  constructor(
    readonly quota: number,
    readonly random: () => number,
  ) {}

  /**
   * A second with a demand in processors, for an instance of this age in seconds. Requests come in bunches: the demand
   * of a period varies around its mean. It gives the processor-seconds used and lost, and the periods.
   */
  second(demand: number, age: number): { used: number; lost: number; periods: number; throttled: number } {
    const most = this.quota / PERIODS;
    let [used, lost, periods, throttled] = [0, 0, 0, 0];
    for (let period = 0; period < PERIODS; period++) {
      const boots = age < BOOT.seconds ? BOOT.processors : 0;
      const varied = Math.max(0, demand + 0.25 * Math.sqrt(demand) * this.#normal());
      const work = this.waiting + (varied + boots) / PERIODS;
      const done = Math.min(work, most);
      const waits = Math.min(work - done, most * PATIENCE);
      lost += work - done - waits;
      used += done;
      this.waiting = waits;
      if (work > 0) periods++;
      if (work > most) throttled++;
    }
    return { used, lost, periods, throttled };
  }

  /** A number of the normal distribution (Box and Muller). */
  #normal(): number {
    return Math.sqrt(-2 * Math.log(1 - this.random())) * Math.cos(2 * Math.PI * this.random());
  }
}
