import { setTimeout as sleep } from 'node:timers/promises';
import type { Caller } from '../access/allowed.js';
import { NiwaError } from '../protocol/errors.js';
import type { StockCounts } from '../protocol/pools.js';
import { Filler } from './filler.js';
import { Stock, type StockParts } from './stock.js';

const INTERVAL_MS = 1000;
/** How long a stopping niwad waits for the end of what was made ahead; the next niwad ends the rest. */
const CLOSE_PATIENCE_MS = 5000;

/** What {@link Stocks} uses. */
export interface StocksParts extends Omit<StockParts, 'filler'> {
  containers: StockParts['containers'] & { readonly making: number };
  /** How many containers each caller but root may have made ahead. */
  readyPerUser: number;
}

/** All stocks of a node, those of pools and those of services. */
export class Stocks {
  readonly #parts: StocksParts;
  readonly #filler: Filler;
  readonly #stocks = new Set<Stock>();
  /** What stocks that are closed have counted. */
  readonly #earlier: StockCounts = { taken: 0, missed: 0, thrown_away: 0 };
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: StocksParts) {
    this.#parts = parts;
    this.#filler = new Filler(() => parts.containers.making);
  }

  /** Makes a stock, which wants nothing yet. @param name for the log */
  add(name: string): Stock {
    const stock = new Stock(name, { ...this.#parts, filler: this.#filler });
    this.#stocks.add(stock);
    return stock;
  }

  /** Begins to make containers ahead; to be called once, when niwad listens. */
  open(): void {
    this.#filler.isOpen = true;
    this.#timer = setInterval(() => this.#tend(), INTERVAL_MS);
    this.#tend();
  }

  /** Ends a stock with all that it has ready. */
  async remove(stock: Stock): Promise<void> {
    if (!this.#stocks.delete(stock)) return;
    const { taken, missed, thrown_away } = stock.status;
    this.#earlier.taken += taken;
    this.#earlier.missed += missed;
    this.#earlier.thrown_away += thrown_away;
    await stock.close();
  }

  /**
   * Throws where a caller may not have so many containers made ahead.
   * @param wanted how many `stock` is to have; null for a stock that is not there yet
   * @throws NiwaError FORBIDDEN
   */
  requireRoom({ uid }: Caller, wanted: number, stock: Stock | null): void {
    const { readyPerUser } = this.#parts;
    const others = [...this.#stocks].filter((one) => one !== stock && one.wish?.caller.uid === uid);
    const sum = others.reduce((before, one) => before + one.wanted, wanted);
    if (uid === 0 || wanted === 0 || sum <= readyPerUser) return;
    throw new NiwaError(
      'FORBIDDEN',
      `user ${uid} may have ${readyPerUser} containers made ahead, in all pools and services together, and not ${sum}: "pools: {readyPerUser}" of niwad's configuration says how many`,
    );
  }

  /** What all stocks have ready, and have counted since niwad's start. */
  get totals(): StockCounts & { ready: number } {
    const all = [...this.#stocks].map(({ status }) => status);
    const sum = (name: keyof StockCounts) => all.reduce((before, one) => before + one[name], this.#earlier[name]);
    const ready = all.reduce((before, one) => before + one.ready, 0);
    return { ready, taken: sum('taken'), missed: sum('missed'), thrown_away: sum('thrown_away') };
  }

  /** Ends all that was made ahead: the next niwad makes it anew. */
  async close(): Promise<void> {
    clearInterval(this.#timer);
    const closed = Promise.all([...this.#stocks].map((stock) => stock.close()));
    await Promise.race([closed, sleep(CLOSE_PATIENCE_MS, undefined, { ref: false })]);
  }

  #tend(): void {
    for (const stock of this.#stocks)
      stock.tend().catch((err: unknown) => this.#parts.log.error({ err }, 'a stock cannot be tended'));
  }
}
