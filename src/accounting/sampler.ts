import type { Handle } from '../kernel/containers.js';
import type { Kernel } from '../kernel/kernel.js';
import { FOUND } from '../kernel/readings.js';
import { Rounds } from './rounds.js';

/** What is read in each round: one container. */
export interface Sampled {
  readonly handle: Handle;
  /** Whether {@link stayIdle} was called since the last {@link take}. */
  readonly isIdle: boolean;
  /**
   * Takes the container's figures. The next round overwrites `rows`, so they have to be copied during the call.
   * @param rounds the newest of them is that of the reading
   * @param rows the figures of all containers of this round
   * @param start the index at which the figures of this container begin
   */
  take(rounds: Rounds, rows: Float64Array, start: number): void;
  /**
   * Called in place of {@link take} where the container has done nothing since the last round: in the first of such
   * rounds, and in those that read it all the same. It was read at least once before.
   * @param wasRead whether all figures were read, and are those of the last reading
   */
  stayIdle(rounds: Rounds, wasRead: boolean): void;
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
  /**
   * The containers, and arrays with a place for each. They are made anew only when there are other containers: a round
   * in which all are idle makes no garbage, and touches nothing else of them.
   */
  #sampled: readonly Sampled[] = [];
  #handles = new Uint32Array(0);
  #rows = new Float64Array(0);
  #found = new Uint8Array(0);
  #isIdle = new Uint8Array(0);
  readonly #rounds = new Rounds();

  /**
   * @param intervalMs the time between two rounds
   * @param running gives the containers to read; called in each round. It gives the same array as long as the
   *   containers are the same
   */
  constructor(intervalMs: number, running: () => readonly Sampled[], kernel: Pick<Kernel, 'readings' | 'host'>) {
    this.#kernel = kernel;
    this.#idleRounds = Math.max(1, Math.min(IDLE_ROUNDS, Math.floor(IDLE_MS / intervalMs)));
    this.#timer = setInterval(() => this.#sample(running()), intervalMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #sample(sampled: readonly Sampled[]): void {
    const { readings, host } = this.#kernel;
    const width = readings.columns.size;
    if (sampled !== this.#sampled) this.#meet(sampled, width);
    const round = this.#rounds.newest + 1;
    for (const [i, handle] of this.#handles.entries()) this.#found[i] = (handle + round) % this.#idleRounds;
    readings.sample(this.#handles, this.#rows, this.#found);
    this.#rounds.begin(Number(host.boottimeNs() / 1000n), Date.now());
    for (const [i, found] of this.#found.entries())
      if (found !== FOUND.passedOver || this.#isIdle[i] !== 1) this.#tell(i, found, i * width);
  }

  #meet(sampled: readonly Sampled[], width: number): void {
    this.#sampled = sampled;
    this.#handles = Uint32Array.from(sampled, ({ handle }) => handle);
    this.#isIdle = Uint8Array.from(sampled, ({ isIdle }) => Number(isIdle));
    this.#found = new Uint8Array(sampled.length);
    if (this.#rows.length < sampled.length * width) this.#rows = new Float64Array(2 * sampled.length * width);
  }

  #tell(i: number, found: number, start: number): void {
    const one = this.#sampled[i];
    if (found === FOUND.read) one?.take(this.#rounds, this.#rows, start);
    else one?.stayIdle(this.#rounds, found === FOUND.unchanged);
    this.#isIdle[i] = Number(found !== FOUND.read);
  }
}
