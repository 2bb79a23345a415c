import type { CgroupWrite } from '../resources.js';
import { MAX_64_BITS, refused } from './refusal.js';

/** Properties of the scope of a container, see systemd.resource-control(5) and org.systemd.property in docs/oci.md. */

export type PropertyValue = boolean | number | bigint | string | Uint8Array | readonly PropertyValue[];
/** A property of a unit: its name, its type in D-Bus and its value. */
export type UnitProperty = readonly [name: string, type: string, value: PropertyValue];

/** What systemd calls "infinity" in a property of 64 bits. */
export const INFINITY = MAX_64_BITS;
const USUAL_CPU_WEIGHT = 100n;
/** systemd keeps the share of a processor in steps of one hundredth. */
const CPU_STEP_USEC = 10_000n;
const SECOND_USEC = 1_000_000n;
/** Beside the processes of the container one is in its scope that keeps it, see src/host/scope.ts. */
const OTHER_TASKS = 1n;

/** The properties of the files of a group whose values are one number. */
const NUMBERS: Readonly<Record<string, string>> = {
  'cpu.weight': 'CPUWeight',
  'memory.max': 'MemoryMax',
  'memory.high': 'MemoryHigh',
  'memory.low': 'MemoryLow',
  'memory.min': 'MemoryMin',
  'memory.swap.max': 'MemorySwapMax',
};
const PROCESSORS: Readonly<Record<string, string>> = {
  'cpuset.cpus': 'AllowedCPUs',
  'cpuset.mems': 'AllowedMemoryNodes',
};

/**
 * Gives the properties of a scope that the limits of the container in it ask for. Files for which systemd has no
 * property, and values that the kernel does not take, are left out. Pure.
 * @param writes those to the group of the container
 */
export function scopeProperties(writes: readonly CgroupWrite[]): UnitProperty[] {
  return writes.flatMap(({ file, value }) => {
    const [number, processors] = [NUMBERS[file], PROCESSORS[file]];
    if (number !== undefined) return numberOf(value).map((count): UnitProperty => [number, 't', count]);
    if (processors !== undefined) return [[processors, 'ay', bitsOf(value)]];
    if (file === 'cpu.idle') return [['CPUWeight', 't', value === '1' ? 0n : USUAL_CPU_WEIGHT]];
    if (file === 'cpu.max') return cpuQuota(value);
    if (file === 'pids.max') return numberOf(value).map((most): UnitProperty => ['TasksMax', 't', oneMore(most)]);
    return file === 'io.weight' ? value.split('\n').flatMap(ioWeight) : [];
  });
}

const SHIFTS: Readonly<Record<string, bigint>> = { '': 0n, K: 10n, M: 20n, G: 30n, T: 40n };

/** Reads a number as the kernel does: `max`, or digits with K, M, G or T. Gives none for another text. */
function numberOf(text: string): bigint[] {
  if (text.trim() === 'max') return [INFINITY];
  const [, digits, unit = ''] = /^\s*(\d{1,18})([KMGT]?)\s*$/i.exec(text) ?? [];
  if (digits === undefined) return [];
  const number = BigInt(digits) << (SHIFTS[unit.toUpperCase()] ?? 0n);
  return [number < INFINITY ? number : INFINITY];
}

const oneMore = (most: bigint) => (most === INFINITY ? most : most + OTHER_TASKS);

/** The share is rounded up, as other runtimes do: the limit of the container itself is the exact one. */
function cpuQuota(value: string): UnitProperty[] {
  const [, quota = '', period = ''] = /^(max|\d{1,15})(?: (\d{1,15}))?$/.exec(value.trim()) ?? [];
  if (quota === '') return [];
  const periodUsec = period === '' || BigInt(period) === 0n ? 100_000n : BigInt(period);
  const steps =
    quota === 'max' ? 0n : (BigInt(quota) * SECOND_USEC + periodUsec * CPU_STEP_USEC - 1n) / periodUsec / CPU_STEP_USEC;
  return [
    ['CPUQuotaPerSecUSec', 't', quota === 'max' ? INFINITY : steps * CPU_STEP_USEC],
    ['CPUQuotaPeriodUSec', 't', periodUsec],
  ];
}

/** The kernel has at most so many processors (CONFIG_NR_CPUS). */
const MOST_PROCESSORS = 8192;

/** Gives a bit for each number of a list such as `0-3,5`, the lowest first. */
function bitsOf(list: string): Uint8Array {
  const numbers = list.split(',').flatMap((part) => {
    const [, first = '', last = first] = /^\s*(\d{1,4})(?:-(\d{1,4}))?\s*$/.exec(part) ?? [];
    const count = first === '' ? 0 : Math.min(Number(last), MOST_PROCESSORS - 1) - Number(first) + 1;
    return Array.from({ length: Math.max(count, 0) }, (_, i) => Number(first) + i);
  });
  const bits = new Uint8Array(Math.ceil((Math.max(-1, ...numbers) + 1) / 8));
  for (const number of numbers) bits[number >> 3] = (bits[number >> 3] ?? 0) | (1 << (number & 7));
  return bits;
}

function ioWeight(line: string): UnitProperty[] {
  const [, device = 'default', weight = ''] = /^(?:(default|\d+:\d+) )?(\d{1,5})$/.exec(line) ?? [];
  if (weight === '') return [];
  if (device === 'default') return [['IOWeight', 't', BigInt(weight)]];
  return [['IODeviceWeight', 'a(st)', [[`/dev/block/${device}`, BigInt(weight)]]]];
}

/** The beginning of annotations that ask for properties of the scope, as other runtimes have it. */
export const PROPERTY = 'org.systemd.property.';
/** What niwad itself decides: the scope would not be that of the container without them. */
const OF_NIWAD = ['Delegate', 'PIDs', 'Slice'];

/**
 * Gives the properties that annotations ask for. Their values are texts of GVariant: `true`, `'text'`, `uint64 5`,
 * `['a', 'b']`. A number in a property whose name ends in `Sec` is seconds, as runc has it. Pure.
 * @param annotations those whose names begin with {@link PROPERTY}
 * @throws NiwaError SPEC_INVALID for a value in another form, and for a property that niwad sets itself
 */
export function askedProperties(annotations: Readonly<Record<string, string>>): UnitProperty[] {
  return Object.entries(annotations).map(([annotation, text]) => {
    const name = annotation.slice(PROPERTY.length);
    const field = `annotations[${JSON.stringify(annotation)}] ${JSON.stringify(text)}`;
    if (!/^[A-Z][A-Za-z0-9]{2,63}$/.test(name)) throw refused(field, 'no property of a unit has this name');
    if (OF_NIWAD.includes(name)) throw refused(field, 'niwad sets this property itself');
    const value = typedValue(text);
    if (value === undefined)
      throw refused(field, "it has to be true, false, 'text', a number such as `uint64 5`, or ['text', 'text']");
    const property = inUsec(name, value);
    if (property === undefined) throw refused(field, `it may be at most ${INFINITY / SECOND_USEC} seconds`);
    return property;
  });
}

type Typed = readonly [type: string, value: PropertyValue];

const TYPES: Readonly<Record<string, string>> = {
  int32: 'i',
  uint32: 'u',
  int64: 'x',
  uint64: 't',
  i: 'i',
  u: 'u',
  x: 'x',
  t: 't',
};
const RANGES: Readonly<Record<string, readonly [least: bigint, most: bigint]>> = {
  i: [-(2n ** 31n), 2n ** 31n - 1n],
  u: [0n, 2n ** 32n - 1n],
  x: [-(2n ** 63n), 2n ** 63n - 1n],
  t: [0n, INFINITY],
};
const TEXT = /^(?:'([^'\\]*)'|"([^"\\]*)")$/;
const LIST = /^\[\s*(?:((?:'[^'\\]*'|"[^"\\]*")(?:\s*,\s*(?:'[^'\\]*'|"[^"\\]*"))*)\s*)?\]$/;

function typedValue(text: string): Typed | undefined {
  const trimmed = text.trim();
  if (trimmed.includes('\0')) return undefined; // no text of D-Bus has one
  if (trimmed === 'true' || trimmed === 'false') return ['b', trimmed === 'true'];
  const [, single, double] = TEXT.exec(trimmed) ?? [];
  const whole = single ?? double;
  if (whole !== undefined) return ['s', whole];
  const list = LIST.exec(trimmed);
  if (list !== null) return ['as', (list[1] ?? '').match(/'[^']*'|"[^"]*"/g)?.map((word) => word.slice(1, -1)) ?? []];
  return typedNumber(trimmed);
}

function typedNumber(text: string): Typed | undefined {
  const [, word = 'int32', digits] = /^(?:@?(int32|uint32|int64|uint64|[iuxt]) +)?(-?\d{1,20})$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const type = TYPES[word] as string;
  const [least, most] = RANGES[type] as readonly [bigint, bigint];
  const value = BigInt(digits);
  if (value < least || value > most) return undefined;
  return [type, type === 'i' || type === 'u' ? Number(value) : value];
}

/** In D-Bus times are in microseconds, and their names say so. Undefined for a time that is too long for that. */
function inUsec(name: string, [type, value]: Typed): UnitProperty | undefined {
  const isTime = /[^U]Sec$/.test(name) && (typeof value === 'number' || typeof value === 'bigint') && value >= 0;
  if (!isTime) return [name, type, value];
  const usec = BigInt(value) * SECOND_USEC;
  return usec > INFINITY ? undefined : [`${name.slice(0, -'Sec'.length)}USec`, 't', usec];
}
