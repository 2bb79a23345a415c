import { capabilityName } from '../../spec/capabilities.js';
import { type DeviceRule, USUAL_DEVICES } from '../devices.js';
import type { CgroupWrite, Controllers } from '../resources.js';
import { isKernelDefault, requireController } from '../resources.js';
import type { OciBlockIo, OciDevice, OciDeviceRule, OciResources } from './config.js';
import { refused } from './refusal.js';

type Integer = number | bigint;
const DEFAULT_PERIOD_USEC = 100_000;

/** Writes -1 and everything below as "max". Engines write 0 for a limit that they do not set. */
function limit(value: Integer = 0): string | undefined {
  if (Number(value) === 0) return undefined;
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

/** The shares that engines write for a container without any: every group of cgroup v1 had them. */
const USUAL_SHARES = 1024;

/**
 * Gives the writes to a group that set the limits of a config. cgroup v1 counts swap and memory together, v2 apart.
 * Where the controller is missing, values that every group has anyway ask for nothing: containerd writes the usual
 * shares into every config.
 * @throws NiwaError HOST_UNSUPPORTED where the controller of a limit is missing, SPEC_INVALID for a wrong value
 */
export function ociLimitWrites(resources: OciResources, controllers: Controllers): CgroupWrite[] {
  const { memory = {}, cpu = {}, pids = {}, blockIO = {}, hugepageLimits = [], rdma = {}, unified = {} } = resources;
  const writes = [
    ...one('cpu.max', cpu.quota || cpu.period ? cpuMax(cpu.quota, cpu.period) : undefined),
    ...one('cpu.max.burst', cpu.burst),
    ...weightAndIdle(cpu),
    ...one('cpuset.cpus', cpu.cpus === '' ? undefined : cpu.cpus),
    ...one('cpuset.mems', cpu.mems === '' ? undefined : cpu.mems),
    ...one('memory.low', limit(memory.reservation)),
    ...one('memory.max', limit(memory.limit)),
    ...one('memory.swap.max', swapMax(memory)),
    ...one('pids.max', limit(pids.limit)),
    ...blockIoWrites(blockIO),
    ...hugepageLimits.flatMap(hugepageWrites),
    ...Object.entries(rdma).flatMap(rdmaWrites),
    ...Object.entries(unified).map(([file, value]) => ({ file: groupFile(file), value: within(file, value) })),
  ];
  return writes.filter((write) => {
    if (isOfGroup(write.file)) return true;
    const controller = write.file.split('.')[0] ?? '';
    if (!controllers.available.includes(controller) && asksForNothing(write)) return false;
    requireController(write.file, controllers);
    return true;
  });
}

/** The kernel takes no weight for a group that is idle. */
function weightAndIdle({ shares, idle }: NonNullable<OciResources['cpu']>): CgroupWrite[] {
  const weight = one('cpu.weight', shares === undefined ? undefined : weightOf(shares));
  return Number(idle) === 0 ? [...one('cpu.idle', idle), ...weight] : [...weight, ...one('cpu.idle', idle)];
}

/**
 * Gives the writes of {@link ociLimitWrites} to a new group. There a `cpu.idle` and a `cpu.burst` of 0 ask for nothing:
 * a kernel may lack their files. In an update they set a value back.
 */
export function ociFirstWrites({ cpu = {}, ...others }: OciResources, controllers: Controllers): CgroupWrite[] {
  const { burst, idle, ...rest } = cpu;
  const asked = { ...rest, ...(burst ? { burst } : {}), ...(idle ? { idle } : {}) };
  return ociLimitWrites({ ...others, cpu: asked }, controllers);
}

function asksForNothing(write: CgroupWrite): boolean {
  const isUsualWeight = write.file === 'cpu.weight' && write.value === String(weightOf(USUAL_SHARES));
  return isUsualWeight || isKernelDefault(write);
}

/** The rates of a device: fields of the config, and the words of io.max. */
const RATES = [
  ['throttleReadBpsDevice', 'rbps'],
  ['throttleWriteBpsDevice', 'wbps'],
  ['throttleReadIOPSDevice', 'riops'],
  ['throttleWriteIOPSDevice', 'wiops'],
] as const;

function blockIoWrites(io: OciBlockIo): CgroupWrite[] {
  const weights = (io.weightDevice ?? []).flatMap(({ major, minor, weight = 0 }, i) =>
    weight === 0 ? [] : one('io.weight', `${major}:${minor} ${ioWeight(weight, `weightDevice[${i}].weight`)}`),
  );
  const rates = RATES.flatMap(([field, word]) =>
    (io[field] ?? []).flatMap(({ major, minor, rate }) =>
      one('io.max', `${major}:${minor} ${word}=${limit(rate) ?? 'max'}`),
    ),
  );
  const weight = io.weight === undefined || io.weight === 0 ? undefined : `default ${ioWeight(io.weight, 'weight')}`;
  return [...one('io.weight', weight), ...weights, ...rates];
}

function hugepageWrites({ pageSize = '', limit: most = 0 }: { pageSize: string; limit?: Integer }, i: number) {
  const field = `linux.resources.hugepageLimits[${i}].pageSize`;
  if (!/^[1-9]\d*[KMG]B$/.test(pageSize)) throw refused(field, 'it has to be a size such as "2MB" or "1GB"');
  return one(`hugetlb.${pageSize}.max`, most < 0 ? 'max' : most);
}

function rdmaWrites([device, { hcaHandles, hcaObjects }]: [
  string,
  { hcaHandles?: Integer; hcaObjects?: Integer },
]): CgroupWrite[] {
  const field = `linux.resources.rdma ${JSON.stringify(device)}`;
  if (!/^[^\s/]+$/.test(device)) throw refused(field, 'this is no name of a device');
  if (hcaHandles === undefined && hcaObjects === undefined)
    throw refused(field, 'it needs at least one of hcaHandles and hcaObjects');
  const handles = hcaHandles === undefined ? '' : ` hca_handle=${hcaHandles}`;
  const objects = hcaObjects === undefined ? '' : ` hca_object=${hcaObjects}`;
  return one('rdma.max', `${device}${handles}${objects}`);
}

/** Translates the weight of cgroup v1 (10 to 1000) to io.weight (1 to 10000): both ends meet. */
function ioWeight(weight: number, field: string): number {
  if (weight < 10 || weight > 1000) throw refused(`linux.resources.blockIO.${field}`, 'it has to be from 10 to 1000');
  return 1 + Math.floor(((weight - 10) * 9999) / 990);
}

function cpuMax(quota: Integer = -1, period: Integer = DEFAULT_PERIOD_USEC): string {
  return `${quota <= 0 ? 'max' : quota} ${period === 0 ? DEFAULT_PERIOD_USEC : period}`;
}

function swapMax({ limit: memory, swap }: NonNullable<OciResources['memory']>): string | undefined {
  if (swap === undefined || swap === 0) return undefined;
  if (swap < 0) return 'max';
  if (memory === undefined || memory <= 0)
    throw refused('linux.resources.memory.swap', 'it counts memory and swap together, so memory.limit has to be there');
  const rest = BigInt(swap) - BigInt(memory);
  if (rest < 0n)
    throw refused('linux.resources.memory.swap', 'it counts memory and swap together: not below memory.limit');
  return String(rest);
}

/**
 * The settings that every group has; the others named so move processes and groups, end them or stop them. niwa takes
 * no more than these values: the kernel does work for each group at the end of a container. A systemd that has
 * containers has some hundreds of groups, about ten deep.
 */
const MOST_BELOW: Readonly<Record<string, number>> = { 'cgroup.max.depth': 32, 'cgroup.max.descendants': 2000 };

const isOfGroup = (file: string) => Object.hasOwn(MOST_BELOW, file);

/** Gives a value of a file; where it is a larger number of groups than niwa takes, that one. */
function within(file: string, value: string): string {
  const most = isOfGroup(file) ? MOST_BELOW[file] : undefined;
  if (most === undefined) return value;
  return value.trim() === 'max' || Number(value) > most ? String(most) : value;
}

/** Gives the writes to the group of a container that may make groups below it, without those that its config has. */
export function boundsOfGroups(writes: readonly CgroupWrite[]): CgroupWrite[] {
  const others = Object.entries(MOST_BELOW).filter(([file]) => !writes.some((write) => write.file === file));
  return others.map(([file, most]) => ({ file, value: String(most) }));
}

/** A file of the group itself: no path, and none by which processes or groups are moved. */
function groupFile(file: string): string {
  if (isOfGroup(file) || /^(?!cgroup\.)[a-z0-9_]+\.[a-z0-9_.]+$/i.test(file)) return file;
  const [controller, setting] = file.split('.', 2);
  const cause =
    setting === undefined
      ? `the specified key has not the form CONTROLLER.VALUE \`${file}\``
      : `the requested cgroup controller \`${controller}\` is not available for it`;
  throw refused(`linux.resources.unified["${file}"]`, `this is no setting of a controller: ${cause}`);
}

/**
 * Gives the rules for devices in their order. After them come those of the usual devices, which every container has,
 * and of the nodes of `linux.devices`, which the boot program has to make.
 * @throws NiwaError SPEC_INVALID for a type or an access that there is not
 */
export function ociDevices(rules: readonly OciDeviceRule[], nodes: readonly OciDevice[] = []): DeviceRule[] {
  const own = rules.map((rule, i): DeviceRule => {
    const field = `linux.resources.devices[${i}]`;
    const { allow = false, type = 'a', major = -1, minor = -1 } = rule;
    const access = rule.access === undefined || rule.access === '' ? 'rwm' : rule.access;
    if (type !== 'a' && type !== 'b' && type !== 'c') throw refused(`${field}.type`, 'it has to be "a", "b" or "c"');
    if (!/^[rwm]{1,3}$/.test(access)) throw refused(`${field}.access`, 'it has to be of the letters "rwm"');
    const numbers = { major: Math.max(major, -1), minor: Math.max(minor, -1) };
    const isWhole = ['r', 'w', 'm'].every((letter) => access.includes(letter));
    return { type, ...numbers, ...(isWhole ? {} : { access }), ...(allow ? {} : { forbids: true }) };
  });
  const made = nodes.flatMap(({ type, major = 0, minor = 0 }): DeviceRule[] =>
    type === 'p' ? [] : [{ type: type === 'b' ? 'b' : 'c', major, minor, access: 'm' }],
  );
  return [...own, ...USUAL_DEVICES, ...made];
}

/** The bits of the mode for each type of a device, see inode(7). */
const NODE_TYPES: Readonly<Record<string, number>> = { c: 0o020000, u: 0o020000, b: 0o060000, p: 0o010000 };

/** The number of type and mode of a device node, its device number as mknod(2) takes it, and its owner. */
export function nodeOf(device: OciDevice, field: string) {
  const { path, type, major = 0, minor = 0, fileMode = 0o666, uid = 0, gid = 0 } = device;
  const bits = Object.hasOwn(NODE_TYPES, type) ? NODE_TYPES[type] : undefined;
  if (bits === undefined) throw refused(`${field}.type "${type}"`, 'there is no such type; c, b, u or p');
  const number = type === 'p' ? 0 : (minor & 0xff) + major * 0x100 + (minor >>> 8) * 0x10_0000;
  return { path: path.replace(/(?<=.)\/+$/, ''), mode: bits | (fileMode & 0o777), device: number, uid, gid };
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
