import { BlockIo, IO_KEYS } from '../accounting/block-io.js';
import { type Columns, figure } from '../accounting/columns.js';
import { History } from '../accounting/history.js';
import { addMemoryTime, endMemoryTime, type MemoryTime } from '../accounting/memory-time.js';
import { type Reading, ratesBetween } from '../accounting/rates.js';
import type { Rounds } from '../accounting/rounds.js';
import { ioSums, toUsage } from '../accounting/usage.js';
import { devicesBelow } from '../host/block-devices.js';
import { readGoesOn } from '../host/process.js';
import type { ExitEvent, Handle } from '../kernel/containers.js';
import type { Kernel } from '../kernel/kernel.js';
import type { Readings } from '../kernel/readings.js';
import type { Rates, Usage } from '../protocol/usage.js';
import { usecNow } from './clock.js';
import type { SavedState } from './saved-state-types.js';

/** The container whose use is measured. */
export interface Metered {
  handle: Handle;
  pid: number;
  startTicks: bigint;
  /** Whether the first process is niwa's init, which ends a moment after the workload. */
  hasInit: boolean;
}

/** What a container has used, and the periods of its cpu.max, over an interval. */
export interface Throttling {
  /** The end of the interval, in microseconds of CLOCK_BOOTTIME. */
  atUsec: number;
  intervalUsec: number;
  usageUsec: number;
  periods: number;
  throttledPeriods: number;
}

/**
 * The figures that show that something was done by a container or for it: others may send it packets, and the kernel
 * may write back its pages, while it uses no processor time.
 */
const ACTIVITY = [
  'cpu.stat:usage_usec',
  'network:rx_bytes',
  'network:tx_bytes',
  ...IO_KEYS.map((key) => `io.stat:${key}`),
];
/** Every group has this figure. A reading without it is of a group that has gone. */
const CPU = 'cpu.stat:usage_usec';

/** The use of one container: readings, their sums and rates, and the figures at its end. */
export class Meter {
  readonly handle: Handle;
  /** One point for each round of the sampler, from its second reading of the container on. */
  readonly history = new History();
  readonly #metered: Metered;
  readonly #onOutlived: () => void;
  readonly #kernel: Readings;
  readonly #io = new BlockIo(devicesBelow);
  /** The two newest readings. */
  #before: Reading | null = null;
  #last: Reading | null = null;
  #readings = 0;
  /** When the sampler read the figures of the newest reading, in milliseconds since 1970. */
  #readMs = 0;
  /**
   * The rounds of the sampler, while the container is idle: both newest readings have the same figures, and are those
   * of the two newest rounds.
   */
  #idleIn: Rounds | null = null;
  #activeUsec = usecNow();
  #memory: MemoryTime;
  #outlivedOomKills: number;
  #usageAtEnd: Usage | null = null;
  /** The use that an earlier niwad knew: all that is known where the container ended while no niwad watched it. */
  readonly #usageBefore: Usage | null;

  /**
   * @param saved the saved state of an earlier niwad; null if this niwad made the container
   * @param onOutlived called when the first process has survived an OOM kill: this must be saved soon, so that the next
   *   niwad knows it
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
    this.#memory = saved?.memory ?? { byteSeconds: 0, usec: this.#activeUsec, bytes: null };
    this.#outlivedOomKills = saved?.outlivedOomKills ?? 0;
    this.#usageBefore = saved?.usage ?? null;
  }

  /**
   * Grows with each reading, so that a change shows that {@link usage} and {@link rates} may give new figures. It stays
   * in rounds of the sampler that pass over the container.
   */
  get readings(): number {
    return this.#readings;
  }

  /**
   * When a reading last found more processor time, block I/O or network traffic than the one before; until then, when
   * this niwad met the container.
   */
  get activeUsec(): number {
    return this.#activeUsec;
  }

  /** Whether the container was passed over in the last round, so that later idle rounds need not be told. */
  get isIdle(): boolean {
    return this.#idleIn !== null;
  }

  /** The memory's byte-seconds so far. */
  get memory(): MemoryTime {
    this.#passIdleRounds(this.#idleIn?.newest);
    return this.#memoryNow();
  }

  /** How many OOM kills in the container's group the first process has survived. */
  get outlivedOomKills(): number {
    return this.#outlivedOomKills;
  }

  /** Takes a reading of the newest round. After the container's end, readings are ignored and the last one stays. */
  take(rounds: Rounds, rows: Float64Array, start: number): void {
    if (this.#usageAtEnd !== null) return;
    this.#readMs = rounds.msOf(rounds.newest);
    this.#accept(rounds, rows, start);
  }

  #accept(rounds: Rounds, rows: Float64Array, start: number): void {
    const usec = rounds.usecOf(rounds.newest);
    this.#passIdleRounds(rounds.newest - 1);
    this.#memory = this.#memoryNow();
    this.#idleIn = null;
    const reading = this.#before ?? { usec, row: new Float64Array(this.#kernel.columns.size) };
    reading.usec = usec;
    for (let i = 0; i < reading.row.length; i++) reading.row[i] = rows[start + i] ?? Number.NaN;
    // niwa's init survives its workload for a moment, so with init only the kills of the reading before count
    this.#outlive(this.#metered.hasInit ? this.#last?.row : reading.row);
    this.#io.correct(reading.row, this.#kernel.columns, () => this.#kernel.ioStat(this.handle));
    this.#complete(reading.row);
    if (hasActed(reading.row, this.#last?.row, this.#kernel.columns)) this.#activeUsec = usec;
    this.#add(reading);
    this.#memory = addMemoryTime(this.#memory, reading, this.#kernel.columns);
    const rates = this.rates();
    if (rates !== null) this.history.add(rounds, rates, figure(reading.row, this.#kernel.columns, 'memory.current'));
  }

  /**
   * Takes a round of the sampler in which the container was idle: its last reading is valid for this moment too, and
   * the rates are 0 from this round on.
   */
  stayIdle(rounds: Rounds, wasRead: boolean): void {
    if (this.#last === null || this.#usageAtEnd !== null) return;
    if (wasRead) this.#readMs = rounds.msOf(rounds.newest);
    if (this.#idleIn === null) this.#accept(rounds, this.#last.row, 0);
    else if (wasRead) this.#readings++; // the time of the reading is told, too
    this.#idleIn = rounds;
  }

  /** Gives the two newest readings the times of the rounds up to `newest`, if the container was idle in them. */
  #passIdleRounds(newest = 0): void {
    const [rounds, before, last] = [this.#idleIn, this.#before, this.#last];
    if (rounds === null || before === null || last === null) return;
    const usec = rounds.usecOf(newest);
    if (usec === last.usec) return;
    before.usec = rounds.usecOf(newest - 1);
    last.usec = usec;
  }

  #memoryNow(): MemoryTime {
    if (this.#idleIn === null || this.#last === null) return this.#memory;
    return addMemoryTime(this.#memory, this.#last, this.#kernel.columns);
  }

  /** Takes the last reading. @returns how many processes the OOM killer has killed */
  takeLast({ atNs, row, ioStat }: ExitEvent): number {
    const reading = { usec: Number(atNs / 1000n), row };
    this.#io.correct(row, this.#kernel.columns, () => ioStat);
    this.#complete(row);
    this.#memory = endMemoryTime(this.memory, reading, this.#kernel.columns);
    this.#idleIn = null;
    this.history.end();
    this.#add(reading);
    this.#usageAtEnd = this.#toUsage(row, ioStat);
    return oomKillsOf(row, this.#kernel.columns);
  }

  /** Takes the use from the final record. The record is valid even if it differs from the readings. */
  takeRecorded(usage: Usage | null): void {
    this.#usageAtEnd = usage;
    this.#readings++;
  }

  /** The current figures from the kernel, or after the container's end the last ones. */
  usage(): Usage {
    if (this.#usageAtEnd !== null) return this.#usageAtEnd;
    const row = new Float64Array(this.#kernel.columns.size);
    this.#kernel.sample(Uint32Array.of(this.handle), row);
    this.#complete(row);
    if (!this.#metered.hasInit) this.#outlive(row);
    return this.#toUsage(row, this.#kernel.ioStat(this.handle));
  }

  /**
   * The figures of the sampler's newest reading, for answers about many containers: only those of block I/O are asked
   * of the kernel. Before the first reading, the same as {@link usage}.
   */
  recentUsage(): Usage {
    if (this.#usageAtEnd !== null || this.#last === null) return this.usage();
    return this.#toUsage(this.#last.row, this.#kernel.ioStat(this.handle));
  }

  /** When {@link recentUsage} was read; null where it is read anew. */
  get readAt(): Date | null {
    return this.#last === null ? null : new Date(this.#readMs);
  }

  /** The rates between the two newest readings; null if there are fewer than two. */
  rates(): Rates | null {
    this.#passIdleRounds(this.#idleIn?.newest);
    if (this.#before === null || this.#last === null) return null;
    return ratesBetween(this.#before, this.#last, this.#kernel.columns);
  }

  /**
   * How much of its cpu.max the container has used between the two newest readings, and in how many periods it was
   * held back; null if there are fewer than two, or the host has no cpu controller.
   */
  throttling(): Throttling | null {
    this.#passIdleRounds(this.#idleIn?.newest);
    const [before, last] = [this.#before, this.#last];
    if (before === null || last === null || last.usec <= before.usec) return null;
    const grown = (name: string) =>
      (figure(last.row, this.#kernel.columns, name) ?? Number.NaN) -
      (figure(before.row, this.#kernel.columns, name) ?? Number.NaN);
    const [usageUsec, periods, throttledPeriods] = [
      grown('cpu.stat:usage_usec'),
      grown('cpu.stat:nr_periods'),
      grown('cpu.stat:nr_throttled'),
    ];
    if (Number.isNaN(periods) || Number.isNaN(throttledPeriods)) return null;
    return { atUsec: last.usec, intervalUsec: last.usec - before.usec, usageUsec, periods, throttledPeriods };
  }

  #add(reading: Reading): void {
    this.#before = this.#last;
    this.#last = reading;
    this.#readings++;
  }

  /**
   * Where the group has gone before it could be read (systemd and others may remove it), gives a reading the figures of
   * the reading before.
   */
  #complete(row: Float64Array): void {
    const before = this.#last?.row;
    if (before === undefined || figure(row, this.#kernel.columns, CPU) !== null) return;
    for (const [i, value] of before.entries()) if (Number.isNaN(row[i])) row[i] = value;
  }

  #toUsage(row: Float64Array, ioStat: string): Usage {
    const { columns } = this.#kernel;
    const io = ioStat === '' ? { sums: ioSums(row, columns), devices: [] } : this.#io.sum(ioStat);
    const usage = toUsage(row, columns, io);
    const known = this.#usageBefore;
    if (known !== null && figure(row, columns, CPU) === null) return known;
    usage.network ??= known?.network ?? null;
    return usage;
  }

  /** If the first process still runs, counts the OOM kills of a reading as survived. */
  #outlive(row: Float64Array | undefined): void {
    const oomKills = row === undefined ? 0 : oomKillsOf(row, this.#kernel.columns);
    const { pid, startTicks } = this.#metered;
    if (oomKills <= this.#outlivedOomKills || !readGoesOn(pid, startTicks)) return;
    this.#outlivedOomKills = oomKills;
    this.#onOutlived();
  }
}

/** The number of processes in a group that the OOM killer has killed, from a reading. */
function oomKillsOf(row: Float64Array, columns: Columns): number {
  return figure(row, columns, 'memory.events:oom_kill') ?? 0;
}

/** Says whether a figure of the activity differs from the reading before. The first reading counts as activity. */
function hasActed(row: Float64Array, before: Float64Array | undefined, columns: Columns): boolean {
  return before === undefined || ACTIVITY.some((name) => figure(row, columns, name) !== figure(before, columns, name));
}
