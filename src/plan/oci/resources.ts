import { capabilityName } from '../../spec/capabilities.js';
import { type DeviceRule, USUAL_DEVICES } from '../devices.js';
import type { CgroupWrite, Controllers } from '../resources.js';
import { requireController } from '../resources.js';
import type { OciDevice, OciResources } from './config.js';
import { refused } from './refusal.js';

type Integer = number | bigint;
const DEFAULT_PERIOD_USEC = 100_000;

/** Writes -1 and everything below as "max". */
function limit(value: Integer): string {
  return value < 0 ? 'max' : String(value);
}

function one(file: string, value: Integer | string | undefined): CgroupWrite[] {
  return value === undefined ? [] : [{ file, value: String(value) }];
}

/** Translates cpu.shares (2 to 262144) to cpu.weight (1 to 10000), as crun and runc do: both ends meet. */
export function weightOf(shares: Integer): number | undefined {
  const value = Number(shares);
  if (value === 0) return undefined;
  const within = Math.min(Math.max(value, 2), 262_144);
  return 1 + Math.floor(((within - 2) * 9999) / 262_142);
}

/**
 * Gives the writes to a group that set the limits of a config. cgroup v1 counts swap and memory together, v2 apart.
 * @throws NiwaError HOST_UNSUPPORTED where the controller of a limit is missing, SPEC_INVALID for a wrong value
 */
export function ociLimitWrites(resources: OciResources, controllers: Controllers): CgroupWrite[] {
  const { memory = {}, cpu = {}, pids = {}, unified = {} } = resources;
  const max = cpu.quota === undefined && cpu.period === undefined ? undefined : cpuMax(cpu.quota, cpu.period);
  const writes = [
    ...one('cpu.max', max),
    ...one('cpu.max.burst', cpu.burst),
    ...one('cpu.weight', cpu.shares === undefined ? undefined : weightOf(cpu.shares)),
    ...one('cpu.idle', cpu.idle),
    ...one('cpuset.cpus', cpu.cpus === '' ? undefined : cpu.cpus),
    ...one('cpuset.mems', cpu.mems === '' ? undefined : cpu.mems),
    ...one('memory.low', memory.reservation === undefined ? undefined : limit(memory.reservation)),
    ...one('memory.max', memory.limit === undefined ? undefined : limit(memory.limit)),
    ...one('memory.swap.max', swapMax(memory)),
    ...one('pids.max', pids.limit === undefined || pids.limit === 0 ? undefined : limit(pids.limit)),
    ...Object.entries(unified).map(([file, value]) => ({ file: groupFile(file), value })),
  ];
  for (const { file } of writes) requireController(file, controllers);
  return writes;
}

function cpuMax(quota: Integer = -1, period: Integer = DEFAULT_PERIOD_USEC): string {
  return `${quota <= 0 ? 'max' : quota} ${period === 0 ? DEFAULT_PERIOD_USEC : period}`;
}

function swapMax({ limit: memory, swap }: NonNullable<OciResources['memory']>): string | undefined {
  if (swap === undefined || swap === 0) return undefined;
  if (swap < 0) return 'max';
  if (memory === undefined || memory < 0)
    throw refused('linux.resources.memory.swap', 'it counts memory and swap together, so memory.limit has to be there');
  const rest = BigInt(swap) - BigInt(memory);
  if (rest < 0n)
    throw refused('linux.resources.memory.swap', 'it counts memory and swap together: not below memory.limit');
  return String(rest);
}

/** A file of the group itself: no path, and none by which processes or groups are moved. */
function groupFile(file: string): string {
  if (/^(cpu|cpuset|memory|io|pids|hugetlb|misc|rdma)\.[a-z0-9_.]+$/i.test(file)) return file;
  throw refused(`linux.resources.unified["${file}"]`, 'this is no setting of a controller');
}

/**
 * Gives the devices that a container may use: the usual ones, and those that the rules allow.
 * @throws NiwaError SPEC_INVALID for rules that this list cannot express
 */
export function ociDevices(rules: NonNullable<OciResources['devices']>): DeviceRule[] {
  const allowed = rules.flatMap((rule, i): DeviceRule[] => {
    const field = `linux.resources.devices[${i}]`;
    const { allow, type = 'a', major = -1, minor = -1, access = 'rwm' } = rule;
    if (!allow && i === 0 && type === 'a' && major < 0 && minor < 0) return [];
    if (!allow) throw refused(field, 'niwa-oci supports no rule that forbids, but a first one for all devices');
    if ([...access].sort().join('') !== 'mrw') throw refused(`${field}.access`, 'niwa-oci supports only "rwm" yet');
    if (type !== 'c' && type !== 'b') throw refused(`${field}.type`, 'niwa-oci supports only "c" and "b" yet');
    return [{ type, major, minor }];
  });
  return [...USUAL_DEVICES, ...allowed];
}

/** The number of type and mode of a device node, and its device number. */
export function nodeOf({ path, type, major = 0, minor = 0, fileMode = 0o666 }: OciDevice, field: string) {
  if (type !== 'c' && type !== 'u')
    throw refused(`${field}.type`, `niwa-oci makes only character devices yet (${path})`);
  return { path, mode: fileMode & 0o777, major, minor };
}

/** Gives the names without CAP_. @throws NiwaError SPEC_INVALID for a name that names no capability */
export function capabilitiesOf(field: string, names: readonly string[] = []): string[] {
  return names.map((name, i) => {
    const known = capabilityName(name);
    if (known === undefined || known === 'ALL')
      throw refused(`${field}[${i}] "${name}"`, 'there is no such capability');
    return known;
  });
}
