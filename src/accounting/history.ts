import type { HistoryPoint, Rates } from '../protocol/usage.js';
import type { Rounds } from './rounds.js';

/** How many rounds of the sampler are shown. */
const POINTS = 60;
/** What is kept of a round: its number, and the figures of a point without its time. */
const WIDTH = 6;

/**
 * The points of one container's last minute. A round whose figures are those of the round before is not kept: a node
 * has a thousand containers, most of them idle.
 */
export class History {
  /** The kept rounds, each as {@link WIDTH} numbers; NaN where a figure is not known. */
  readonly #kept: number[] = [];
  #rounds: Rounds | null = null;

  /** Adds the point of the newest round. It is also that of all later rounds until the next call. */
  add(rounds: Rounds, rates: Rates, memoryBytes: number | null): void {
    this.#rounds = rounds;
    const { cpu, throttled, rbytes_per_second, wbytes_per_second } = rates;
    const known = [cpu, throttled, memoryBytes, rbytes_per_second, wbytes_per_second].map((one) => one ?? Number.NaN);
    const newest = this.#kept.length - WIDTH;
    if (newest >= 0 && known.every((figure, i) => Object.is(figure, this.#kept[newest + 1 + i]))) return;
    this.#kept.push(rounds.newest, ...known);
    while (Number(this.#kept[WIDTH]) <= rounds.newest - POINTS + 1) this.#kept.splice(0, WIDTH);
  }

  /** The container has ended: later rounds are not its own. */
  end(): void {
    this.#rounds = this.#rounds?.frozen() ?? null;
  }

  /** Gives the points, the oldest first. */
  points(): HistoryPoint[] {
    const points: HistoryPoint[] = [];
    if (this.#rounds === null) return points;
    const { newest } = this.#rounds;
    const first = Math.max(Number(this.#kept[0]), newest - POINTS + 1);
    for (let round = first, at = 0; round <= newest; round++) {
      while (Number(this.#kept[at + WIDTH]) <= round) at += WIDTH;
      points.push(this.#pointOf(round, at, this.#rounds));
    }
    return points;
  }

  #pointOf(round: number, at: number, rounds: Rounds): HistoryPoint {
    const figure = (place: number) => {
      const kept = this.#kept[at + place] ?? Number.NaN;
      return Number.isNaN(kept) ? null : kept;
    };
    return {
      at: rounds.msOf(round),
      cpu: figure(1),
      throttled: figure(2),
      memory_bytes: figure(3),
      rbytes_per_second: figure(4),
      wbytes_per_second: figure(5),
    };
  }
}
