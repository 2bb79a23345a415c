import type { Handle } from '../kernel/containers.js';
import type { Kernel } from '../kernel/kernel.js';

/** What is read in each round: one container. */
export interface Sampled {
  readonly handle: Handle;
  /**
   * Takes the container's figures. The next round overwrites `rows`, so they have to be copied during the call.
   * @param usec the time of the reading, in microseconds of CLOCK_BOOTTIME
   * @param rows the figures of all containers of this round
   * @param start the index at which the figures of this container begin
   */
  take(usec: number, rows: Float64Array, start: number): void;
}

/** Reads every running container at a fixed interval, in one native call per round. */
export class Sampler {
  readonly #kernel: Pick<Kernel, 'readings' | 'host'>;
  readonly #timer: NodeJS.Timeout;
  /** Both arrays are reused in each round: new arrays would be work for the garbage collector each second. */
  #handles = new Uint32Array(0);
  #rows = new Float64Array(0);

  /**
   * @param intervalMs the time between two rounds
   * @param running gives the containers to read; called in each round
   */
  constructor(intervalMs: number, running: () => Sampled[], kernel: Pick<Kernel, 'readings' | 'host'>) {
    this.#kernel = kernel;
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
    }
    sampled.forEach(({ handle }, i) => {
      this.#handles[i] = handle;
    });
    readings.sample(this.#handles.subarray(0, sampled.length), this.#rows);
    const usec = Number(host.boottimeNs() / 1000n);
    sampled.forEach((one, i) => {
      one.take(usec, this.#rows, i * width);
    });
  }
}
