import type { Argv } from 'yargs';
import type { ResourcesInput, SpecInput } from '../../protocol/spec.js';
import { formatBytes, parseBytes } from '../../protocol/units.js';
import type { Common } from '../command.js';
import { numberOr, wrong } from '../values.js';
import { type OptionsOf, text, texts } from './declare.js';
import { appended, defined, merged } from './fields.js';

type Rlimits = NonNullable<SpecInput['rlimits']>;

/** The flags that change limits, in the form of yargs. */
export type LimitOptions = OptionsOf<typeof withLimits>;

/** Declares the flags of limits. */
export function withLimits<O extends Common>(yargs: Argv<O>) {
  return yargs
    .option('cpus', text('processor time: 0.5 is half of one processor; max for no limit'))
    .option('cpuset-cpus', text('the processors it may use, such as 0-3,6'))
    .option('cpu-shares', {
      alias: 'c',
      ...text('the share of processors against others, as Docker counts: 1024 is usual'),
    })
    .option('memory', { alias: 'm', ...text('memory in bytes, such as 64M; max for no limit') })
    .option('memory-swap', text('memory and swap together, as Docker counts; -1 for no limit of swap'))
    .option('memory-reservation', text('memory that is kept from reclaim as long as others have some (memory.low)'))
    .option('pids', text('number of processes and threads; max for no limit'))
    .option('pids-limit', text('the same as --pids, with -1 for no limit'))
    .option('io-rbps', texts('DEVICE:RATE: bytes per second read from a disk, such as /dev/vda:10M'))
    .option('io-wbps', texts('DEVICE:RATE: bytes per second written to a disk'));
}

/** Makes limits from the flags; undefined if no flag is given. @throws NiwaError SPEC_INVALID */
export function toResources(options: LimitOptions): ResourcesInput | undefined {
  const io = [...toIo('rbps', options.ioRbps), ...toIo('wbps', options.ioWbps)];
  const resources = defined({
    cpu: merged(undefined, {
      max: numberOr(options.cpus),
      cpus: options.cpusetCpus,
      weight: toWeight(options.cpuShares),
    }),
    memory: merged(undefined, {
      max: inOwnUnits(options.memory),
      low: inOwnUnits(options.memoryReservation),
      swapMax: toSwap(options),
    }),
    pids: toPids(options),
    io: io.length > 0 ? io : undefined,
  });
  return Object.keys(resources).length > 0 ? (resources as ResourcesInput) : undefined;
}

/** Puts the limits of flags over those of a spec file. */
export function mergedLimits(base: SpecInput['resources'], flags: ResourcesInput): ResourcesInput | undefined {
  return merged(base, {
    ...flags,
    cpu: merged(base?.cpu, flags.cpu ?? {}),
    memory: merged(base?.memory, flags.memory ?? {}),
    io: appended(base?.io, flags.io ?? []),
  });
}

/** Reads DEVICE:RATE. The rate is after the last colon, because a device path may contain colons. */
function toIo(limit: 'rbps' | 'wbps', values: string[] = []): NonNullable<ResourcesInput['io']> {
  return values.map((value) => {
    const colon = value.lastIndexOf(':');
    if (colon <= 0) wrong(`--io-${limit}`, value, 'DEVICE:RATE, such as /dev/vda:10M');
    return { device: value.slice(0, colon), [limit]: inOwnUnits(value.slice(colon + 1)) };
  });
}

/** Writes the units of Docker, such as `64m`, as those of niwa. */
export function inOwnUnits(size: string | undefined): string | undefined {
  return size !== undefined && /^[0-9.]+[kmgt](i?b)?$/i.test(size)
    ? size.replace(/[a-z].*$/i, (unit) => unit.charAt(0).toUpperCase() + unit.slice(1).replace('b', 'B'))
    : size;
}

/**
 * Turns the CPU shares of cgroup v1 (2 to 262144) into the weight of cgroup v2 (1 to 10000): the ends of one range lead
 * to the ends of the other, and what is between is in proportion.
 */
function toWeight(shares: string | undefined): number | undefined {
  if (shares === undefined) return undefined;
  const number = /^[0-9]{1,6}$/.test(shares) ? Number(shares) : 0;
  if (number < 2 || number > 262_144) wrong('--cpu-shares', shares, 'a whole number from 2 to 262144');
  return 1 + Math.floor(((number - 2) * 9999) / 262_142);
}

/** The limit of swap: Docker's `--memory-swap` is that of memory and swap together. */
function toSwap({ memory, memorySwap }: LimitOptions): string | number | undefined {
  if (memorySwap === undefined) return undefined;
  if (memorySwap === '-1' || memorySwap === 'max') return 'max';
  const [most, both] = [memory, memorySwap].map((size) => parseBytes(inOwnUnits(size) ?? ''));
  if (most === undefined || both === undefined || both < most)
    return wrong(
      '--memory-swap',
      memorySwap,
      `-1, or memory and swap together: at least --memory, which has to be given${most === undefined ? '' : ` (${formatBytes(most)})`}`,
    );
  return both - most;
}

/** Docker's 0 and -1 are no limit. */
function toPids({ pids, pidsLimit }: LimitOptions): string | number | undefined {
  const limit = pids ?? pidsLimit;
  return pids === undefined && (limit === '0' || limit === '-1') ? 'max' : numberOr(limit);
}

/** Reads NAME=SOFT[:HARD], where -1 and `unlimited` are no limit. @throws NiwaError SPEC_INVALID */
export function toRlimits(values: string[] = []): Rlimits {
  return Object.fromEntries(
    values.map((value) => {
      const [, name = '', soft = '', hard = soft] =
        /^([a-z]+)=(-1|[0-9]+|unlimited)(?::(-1|[0-9]+|unlimited))?$/.exec(value) ?? [];
      if (name === '') wrong('--ulimit', value, 'NAME=SOFT[:HARD], such as nofile=1024:2048');
      return [name, { soft: toRlimit(soft), hard: toRlimit(hard) }];
    }),
  );
}

function toRlimit(text: string): number | 'unlimited' {
  return text === '-1' || text === 'unlimited' ? 'unlimited' : Number(text);
}
