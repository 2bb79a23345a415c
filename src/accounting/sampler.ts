import type { Handle } from '../kernel/containers.js';
import type { Kernel } from '../kernel/kernel.js';

/** What the sampler reads: it takes its figures, which are there only for as long as that call lasts. */
export interface Sampled {
  readonly handle: Handle;
  /**
   * @param usec when they were read, in microseconds of CLOCK_BOOTTIME
   * @param rows the figures of all
   * @param start where those of this one begin
   */
  take(usec: number, rows: Float64Array, start: number): void;
}

/** Reads every running container at a fixed interval, in one native call per round. */
export class Sampler {
  readonly #kernel: Pick<Kernel, 'readings' | 'host'>;
  readonly #timer: NodeJS.Timeout;
  /** Kept from round to round: what is made for each reading would have to be collected. */
  #handles = new Uint32Array(0);
  #rows = new Float64Array(0);

  /**
   * @param intervalMs between two rounds
   * @param running gives who is to be read, anew each round
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
