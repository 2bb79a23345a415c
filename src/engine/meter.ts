import { BlockIo } from '../accounting/block-io.js';
import { type Columns, figure } from '../accounting/columns.js';
import { History } from '../accounting/history.js';
import { addMemoryTime, endMemoryTime, type MemoryTime } from '../accounting/memory-time.js';
import { type Reading, ratesBetween } from '../accounting/rates.js';
import { toUsage } from '../accounting/usage.js';
import { devicesBelow } from '../host/block-devices.js';
import { readGoesOn } from '../host/process.js';
import type { ExitEvent, Handle } from '../kernel/containers.js';
import type { Kernel } from '../kernel/kernel.js';
import type { Readings } from '../kernel/readings.js';
import type { Rates, Usage } from '../protocol/usage.js';
import { usecNow } from './clock.js';
import type { SavedState } from './state-files.js';

/** Whose use is measured. */
export interface Metered {
  handle: Handle;
  pid: number;
  startTicks: bigint;
  /** Whether its first process is niwa's init, which outlives its workload for a moment. */
  hasInit: boolean;
}

/** What one container uses: readings, the sums and rates of them, and the figures of its end. */
export class Meter {
  readonly handle: Handle;
  readonly history = new History();
  readonly #metered: Metered;
  readonly #onOutlived: () => void;
  readonly #kernel: Readings;
  readonly #io = new BlockIo(devicesBelow);
  /** The two newest readings. */
  #before: Reading | null = null;
  #last: Reading | null = null;
  #readings = 0;
  #memory: MemoryTime;
  #outlivedOomKills: number;
  #usageAtEnd: Usage | null = null;
  /** What an earlier niwad has counted: all there is, where the container ended when nobody looked. */
  readonly #networkBefore: Usage['network'];

  /**
   * @param saved what an earlier niwad wrote down; null where there is none
   * @param onOutlived hears that the first process has outlived an OOM kill: the next niwad has to know that soon
   */
  constructor(
    metered: Metered,
    saved: SavedState | null,
    onOutlived: () => void,
    { readings }: Pick<Kernel, 'readings'>,
  ) {
    this.handle = metered.handle;
    this.#metered = metered;
    this.#onOutlived = onOutlived;
    this.#kernel = readings;
    this.#memory = saved?.memory ?? { byteSeconds: 0, usec: usecNow(), bytes: null };
    this.#outlivedOomKills = saved?.outlivedOomKills ?? 0;
    this.#networkBefore = saved?.usage?.network ?? null;
  }

  /** Grows with each reading that changes what {@link usage} and {@link rates} may give. */
  get readings(): number {
    return this.#readings;
  }

  /** What its memory was worth so far. */
  get memory(): MemoryTime {
    return this.#memory;
  }

  /** How many OOM kills in its group its first process has outlived. */
  get outlivedOomKills(): number {
    return this.#outlivedOomKills;
  }

  /** Takes a reading of the sampler; after the end the last one stands. */
  take(usec: number, rows: Float64Array, start: number): void {
    if (this.#usageAtEnd !== null) return;
    const reading = this.#before ?? { usec, row: new Float64Array(this.#kernel.columns.size) };
    reading.usec = usec;
    for (let i = 0; i < reading.row.length; i++) reading.row[i] = rows[start + i] ?? Number.NaN;
    this.#outlive(this.#metered.hasInit ? this.#last?.row : reading.row); // where there is an init, its workload may be ending yet
    this.#io.correct(reading.row, this.#kernel.columns, () => this.#kernel.ioStat(this.handle));
    this.#add(reading);
    this.#memory = addMemoryTime(this.#memory, reading, this.#kernel.columns);
    const rates = this.rates();
    if (rates !== null)
      this.history.add(Date.now(), rates, figure(reading.row, this.#kernel.columns, 'memory.current'));
  }

  /** Takes the last reading. @returns how many processes the OOM killer has taken */
  takeLast({ atNs, row, ioStat }: ExitEvent): number {
    const reading = { usec: Number(atNs / 1000n), row };
    this.#io.correct(row, this.#kernel.columns, () => ioStat);
    this.#add(reading);
    this.#memory = endMemoryTime(this.#memory, reading, this.#kernel.columns);
    this.#usageAtEnd = this.#toUsage(row, ioStat);
    return oomKillsOf(row, this.#kernel.columns);
  }

  /** Takes the use that a final record tells of: it stands, whatever was read. */
  takeRecorded(usage: Usage | null): void {
    this.#usageAtEnd = usage;
    this.#readings++;
  }

  /** The figures as the kernel has them now, or as they were at the end. */
  usage(): Usage {
    if (this.#usageAtEnd !== null) return this.#usageAtEnd;
    const row = new Float64Array(this.#kernel.columns.size);
    this.#kernel.sample(Uint32Array.of(this.handle), row);
    if (!this.#metered.hasInit) this.#outlive(row);
    return this.#toUsage(row, this.#kernel.ioStat(this.handle));
  }

  /** The rates between the two newest readings; null before there are two. */
  rates(): Rates | null {
    if (this.#before === null || this.#last === null) return null;
    return ratesBetween(this.#before, this.#last, this.#kernel.columns);
  }

  #add(reading: Reading): void {
    this.#before = this.#last;
    this.#last = reading;
    this.#readings++;
  }

  #toUsage(row: Float64Array, ioStat: string): Usage {
    const usage = toUsage(row, this.#kernel.columns, this.#io.sum(ioStat));
    return { ...usage, network: usage.network ?? this.#networkBefore };
  }

  /** Counts as outlived the OOM kills of a reading, where the first process still goes on. */
  #outlive(row: Float64Array | undefined): void {
    const oomKills = row === undefined ? 0 : oomKillsOf(row, this.#kernel.columns);
    const { pid, startTicks } = this.#metered;
    if (oomKills <= this.#outlivedOomKills || !readGoesOn(pid, startTicks)) return;
    this.#outlivedOomKills = oomKills;
    this.#onOutlived();
  }
}

/** How many processes the OOM killer has taken in a group, by a reading of it. */
function oomKillsOf(row: Float64Array, columns: Columns): number {
  return figure(row, columns, 'memory.events:oom_kill') ?? 0;
}
