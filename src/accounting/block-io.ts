import { type Columns, figure } from './columns.js';

/** The counters of io.stat. */
export const IO_KEYS = ['rbytes', 'wbytes', 'rios', 'wios', 'dbytes', 'dios'] as const;
export type IoKey = (typeof IO_KEYS)[number];
export type IoCounters = Record<IoKey, number>;

/** What a container did to a device, "major:minor", and which of these figures are in its sum. */
export type DeviceIo = { device: string } & IoCounters;
export type CountedDevice = DeviceIo & { counted: IoKey[] };

/** Gives the devices that a device passes its I/O on to; none for a disk. */
export type Below = (device: string) => readonly string[];

/** Reads io.stat: "254:0 rbytes=1 wbytes=2 rios=1 wios=1 dbytes=0 dios=0" a line. */
export function parseIoStat(ioStat: string): DeviceIo[] {
  return ioStat
    .split('\n')
    .map((line) => line.trim().split(' '))
    .filter(([device, ...fields]) => device !== undefined && device !== '' && fields.length > 0)
    .map(([device = '', ...fields]) => {
      const values = new Map(fields.map((field) => field.split('=') as [string, string]));
      const counters = Object.fromEntries(IO_KEYS.map((key) => [key, Number(values.get(key) ?? 0)]));
      return { device, ...(counters as unknown as IoCounters) };
    });
}

/**
 * Sums what a container did to block devices, each byte once, where devices are stacked (device mapper, RAID, loop devices).
 *
 * The kernel counts an operation at the device that it is for, and again at a device below only where the one above passes it on
 * in the name of the container. It does so for dm-linear, dm-crypt, RAID 0 and 1 and for loop devices with direct I/O; it does
 * not for RAID 5; and for other loop devices when it reads what is not in the page cache, or writes it back on the account of
 * whoever owns the pages of the file: often nobody (measured on Linux 6.1). So neither the upper nor the lower devices alone
 * have everything. Of a device and those stacked on it the larger figure counts: that of the lower device where
 * it includes the I/O passed on and the direct I/O; else that of the devices on it. A figure that only grows is so from two that only grow.
 *
 * Several devices below the same one count as one, with the larger figure: a mirror writes everything to each. What remains
 * uncounted: direct I/O on a device below one that passes on in its own name, up to what that one had.
 */
export function sumIo(devices: readonly DeviceIo[], below: Below): { sums: IoCounters; devices: CountedDevice[] } {
  const roots = stack(devices, below);
  const counted = new Map(devices.map(({ device }): [string, IoKey[]] => [device, []]));
  const sums = Object.fromEntries(
    IO_KEYS.map((key) => {
      const chosen = roots.map((root) => choose(root, key));
      for (const { of } of chosen) for (const device of of) counted.get(device)?.push(key);
      return [key, chosen.reduce((sum, { value }) => sum + value, 0)];
    }),
  );
  return {
    sums: sums as IoCounters,
    devices: devices.map((device) => ({ ...device, counted: counted.get(device.device) ?? [] })),
  };
}

/** Devices that count as one, and those that are stacked on them. */
interface Level {
  devices: DeviceIo[];
  above: Level[];
}

/** The larger of what the devices of a level have, and what those above have together; that of those above where it is equal. */
function choose({ devices, above }: Level, key: IoKey): { value: number; of: string[] } {
  const chosen = above.map((level) => choose(level, key));
  const passed = chosen.reduce((sum, { value }) => sum + value, 0);
  const own = devices.reduce((a, b) => (b[key] > a[key] ? b : a));
  return own[key] > passed || above.length === 0
    ? { value: own[key], of: [own.device] }
    : { value: passed, of: chosen.flatMap(({ of }) => of) };
}

/** Gives the levels that nothing is below of, as far as the devices of this container go. */
function stack(devices: readonly DeviceIo[], below: Below): Level[] {
  const levels = new Map(devices.map((device): [string, Level] => [device.device, { devices: [device], above: [] }]));
  const next = new Map(devices.map(({ device }) => [device, nextBelow(device, levels, below)]));
  for (const lower of next.values()) for (const device of lower.slice(1)) merge(levels, lower[0] ?? '', device);
  const roots = new Set(levels.values());
  for (const [device, [lower]] of next) {
    const [upper, base] = [levels.get(device), levels.get(lower ?? '')];
    if (upper === undefined || base === undefined || !roots.has(upper) || contains(upper, base)) continue;
    base.above.push(upper);
    roots.delete(upper);
  }
  return [...roots];
}

/** The nearest devices below one that this container has figures of. */
function nextBelow(device: string, known: ReadonlyMap<string, unknown>, below: Below): string[] {
  const found = new Set<string>();
  const seen = new Set([device]);
  const look = (upper: string) => {
    for (const lower of below(upper)) {
      if (seen.has(lower)) continue;
      seen.add(lower);
      if (known.has(lower)) found.add(lower);
      else look(lower);
    }
  };
  look(device);
  return [...found];
}

function merge(levels: Map<string, Level>, one: string, other: string): void {
  const [kept, taken] = [levels.get(one), levels.get(other)];
  if (kept === undefined || taken === undefined || kept === taken) return;
  kept.devices.push(...taken.devices);
  for (const { device } of taken.devices) levels.set(device, kept);
}

function contains(level: Level, other: Level): boolean {
  return level === other || level.above.some((above) => contains(above, other));
}

/** The block I/O of one container. How its devices are stacked is looked up when a new one shows up. */
export class BlockIo {
  readonly #lookUp: Below;
  readonly #known = new Map<string, readonly string[]>();
  readonly #below: Below = (device) => this.#known.get(device) ?? [];
  #devices: readonly string[] = [];
  #stacked = false;

  /** @param lookUp looks at the host for what is below a device */
  constructor(lookUp: Below) {
    this.#lookUp = lookUp;
  }

  /** Sums a text of io.stat, see {@link sumIo}. */
  sum(ioStat: string): ReturnType<typeof sumIo> {
    const devices = parseIoStat(ioStat);
    this.#meet(devices.map(({ device }) => device));
    return sumIo(devices, this.#below);
  }

  /**
   * Corrects the sums of io.stat in a row of the addon, which adds up all devices.
   * @param ioStat gives the text; it is asked for only where a byte may have been counted more than once
   */
  correct(row: Float64Array, columns: Columns, ioStat: () => string): void {
    const number = figure(row, columns, 'io.stat:devices') ?? 0;
    if (number < 2 || (number === this.#devices.length && !this.#stacked)) return;
    const { sums } = this.sum(ioStat());
    for (const key of IO_KEYS) row[columns.get(`io.stat:${key}`) ?? row.length] = sums[key];
  }

  #meet(devices: string[]): void {
    if (devices.length === this.#devices.length && devices.every((device) => this.#devices.includes(device))) return;
    this.#devices = devices;
    this.#known.clear();
    if (devices.length > 1) for (const device of devices) this.#learn(device);
    const known = new Map(devices.map((device) => [device, null]));
    this.#stacked = devices.some((device) => nextBelow(device, known, this.#below).length > 0);
  }

  #learn(device: string): void {
    if (this.#known.has(device)) return;
    const below = this.#lookUp(device);
    this.#known.set(device, below);
    for (const lower of below) this.#learn(lower);
  }
}
