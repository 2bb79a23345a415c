import type { Handle } from '../kernel/containers.js';
import type { Kernel } from '../kernel/kernel.js';
import { Rounds } from './rounds.js';

/** What is read in each round: one container. */
export interface Sampled {
  readonly handle: Handle;
  /** Whether the last call was {@link stayIdle}. */
  readonly isIdle: boolean;
  /**
   * Takes the container's figures. The next round overwrites `rows`, so they have to be copied during the call.
   * @param rounds the newest of them is that of the reading
   * @param rows the figures of all containers of this round
   * @param start the index at which the figures of this container begin
   */
  take(rounds: Rounds, rows: Float64Array, start: number): void;
  /**
   * Called in place of {@link take} in a round that passed over the container, since it has done nothing, and not again
   * in the rounds after it that do the same. It was read at least once before.
   */
  stayIdle(rounds: Rounds): void;
}

/** An idle container is read at least once in so many rounds, and in so many milliseconds or in each round. */
const IDLE_ROUNDS = 10;
const IDLE_MS = 10_000;

/**
 * Reads every running container at a fixed interval, in one native call per round. An idle container is passed over in
 * most rounds. What the kernel changes without it (it reclaims memory, averages of pressure fall) is seen in the other
 * rounds, which are not the same for all containers.
 */
export class Sampler {
  readonly #kernel: Pick<Kernel, 'readings' | 'host'>;
  readonly #timer: NodeJS.Timeout;
  readonly #idleRounds: number;
  /** The arrays are reused in each round: new arrays would be work for the garbage collector each second. */
  #handles = new Uint32Array(0);
  #rows = new Float64Array(0);
  #idle = new Uint8Array(0);
  readonly #rounds = new Rounds();

  /**
   * @param intervalMs the time between two rounds
   * @param running gives the containers to read; called in each round
   */
  constructor(intervalMs: number, running: () => Sampled[], kernel: Pick<Kernel, 'readings' | 'host'>) {
    this.#kernel = kernel;
    this.#idleRounds = Math.max(1, Math.min(IDLE_ROUNDS, Math.floor(IDLE_MS / intervalMs)));
    this.#timer = setInterval(() => this.#sample(running()), intervalMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sample(sampled: Sampled[]): void {
    const { readings, host } = this.#kernel;
    const width = readings.columns.size;
    if (this.#handles.length < sampled.length) {
      this.#handles = new Uint32Array(2 * sampled.length);
      this.#rows = new Float64Array(2 * sampled.length * width);
      this.#idle = new Uint8Array(2 * sampled.length);
    }
    const round = this.#rounds.newest + 1;
    for (const [i, { handle }] of sampled.entries()) {
      this.#handles[i] = handle;
      this.#idle[i] = (handle + round) % this.#idleRounds;
    }
    readings.sample(this.#handles.subarray(0, sampled.length), this.#rows, this.#idle);
    this.#rounds.begin(Number(host.boottimeNs() / 1000n), Date.now());
    for (const [i, one] of sampled.entries()) {
      if (this.#idle[i] !== 1) one.take(this.#rounds, this.#rows, i * width);
      else if (!one.isIdle) one.stayIdle(this.#rounds);
    }
  }
}
