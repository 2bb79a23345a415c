import { type Columns, figure } from './columns.js';

/** The counters of io.stat. */
export const IO_KEYS = ['rbytes', 'wbytes', 'rios', 'wios', 'dbytes', 'dios'] as const;
export type IoKey = (typeof IO_KEYS)[number];
export type IoCounters = Record<IoKey, number>;

/**
 * What a container did to a device, named "major:minor". `counted`: the figures of this device that are part of the
 * container's sum.
 */
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
 * Sums what a container did to block devices. Devices may be stacked on each other (device mapper, RAID, loop devices);
 * each byte counts once all the same.
 *
 * The kernel counts an operation at the device that was asked to do it. At the device below, the kernel counts it again
 * only if the upper device passes it on in the container's name. dm-linear, dm-crypt, RAID 0, RAID 1 and loop devices
 * with direct I/O do so. RAID 5 does not. Other loop devices do not either, when they read what is not in the page
 * cache, or write back: the kernel then counts the operation for the group that owns the pages of the image file, and
 * often no group owns them (measured on Linux 6.1). So neither the upper devices alone nor the lower devices alone have
 * every operation. Therefore a lower device is compared with the devices that are stacked on it, and the larger figure
 * counts. The figure of the lower device is larger where it contains the I/O passed on and direct I/O; else the figure
 * of the upper devices counts. Both figures only grow, so the larger one only grows too.
 *
 * Several devices directly below the same device count as one device, with the largest of their figures: a mirror
 * writes every byte to each of them. One case is not counted: direct I/O on a lower device, where the upper device does
 * not pass on in the container's name. As many bytes are missing as the direct I/O had, at most as many as the upper
 * device had.
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

/** Devices that count as one device, and the devices that are stacked on them. */
interface Level {
  devices: DeviceIo[];
  above: Level[];
}

/**
 * Gives the larger of two figures: that of a level's devices, or the sum of the levels above. Where both are equal,
 * gives the sum.
 */
function choose({ devices, above }: Level, key: IoKey): { value: number; of: string[] } {
  const chosen = above.map((level) => choose(level, key));
  const passed = chosen.reduce((sum, { value }) => sum + value, 0);
  const own = devices.reduce((a, b) => (b[key] > a[key] ? b : a));
  return own[key] > passed || above.length === 0
    ? { value: own[key], of: [own.device] }
    : { value: passed, of: chosen.flatMap(({ of }) => of) };
}

/** Gives the lowest levels: the devices below which this container has no figures of another device. */
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

/** Gives the nearest devices below a device for which this container has figures. */
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

/**
 * Sums the block I/O of one container. When the container uses a new device, it looks up anew how the devices are
 * stacked.
 */
export class BlockIo {
  readonly #lookUp: Below;
  readonly #known = new Map<string, readonly string[]>();
  readonly #below: Below = (device) => this.#known.get(device) ?? [];
  #devices: readonly string[] = [];
  #stacked = false;

  /** @param lookUp asks the host for the devices below a device */
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
   * Corrects the sums of io.stat in a row of figures. The addon makes these sums, and adds up all devices, also stacked
   * ones.
   * @param ioStat gives the text of io.stat; called only where a byte may have been counted more than once
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
