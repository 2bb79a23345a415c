import { type Handle, native } from '../native.js';
import type { Reading } from './rates.js';

/** What the sampler reads: the newest reading is handed to it. */
export interface Sampled {
  readonly handle: Handle;
  take(reading: Reading): void;
}

/** Reads every running container at a fixed interval, in one native call per round. */
export class Sampler {
  readonly #timer: NodeJS.Timeout;

  /**
   * @param intervalMs between two rounds
   * @param running gives who is to be read, anew each round
   * @param after called after each round
   */
  constructor(intervalMs: number, running: () => Sampled[], after: () => void = () => {}) {
    this.#timer = setInterval(() => {
      sampleOnce(running());
      after();
    }, intervalMs);
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}

function sampleOnce(sampled: Sampled[]): void {
  const width = native.columns.length;
  const rows = new Float64Array(sampled.length * width);
  native.sample(
    Uint32Array.from(sampled, ({ handle }) => handle),
    rows,
  );
  const usec = Number(native.boottimeNs() / 1000n);
  sampled.forEach((one, i) => {
    one.take({ usec, row: rows.slice(i * width, (i + 1) * width) });
  });
}
