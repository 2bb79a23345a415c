import { NiwaError } from '../protocol/errors.js';
import type { IoLimit, Limit, Resources } from '../protocol/resolved-spec.js';
import { CPU_PERIOD_USEC } from '../spec/resources.js';

/** A value to write to a file of a group. */
export interface CgroupWrite {
  file: string;
  value: string;
  /** Set where the spec has no value, and niwad chose this one. */
  isDefault?: boolean;
}

/** The controllers that the host offers, and for each other controller the reason why it is missing. */
export interface Controllers {
  available: readonly string[];
  missing: Readonly<Record<string, string>>;
}

const KERNEL_MIN_QUOTA_USEC = 1000;

/** The values of files in a new group, for the files whose value is not "max". */
const KERNEL_DEFAULTS: Record<string, string> = {
  'cpu.max': `max ${CPU_PERIOD_USEC}`,
  'cpu.max.burst': '0',
  'cpu.weight': '100',
  'cpuset.cpus': '\n',
  'memory.min': '0',
  'memory.low': '0',
  'memory.oom.group': '0',
};

/** Says whether a new group has this value anyway. */
export function isKernelDefault({ file, value }: CgroupWrite): boolean {
  return value === (KERNEL_DEFAULTS[file] ?? 'max');
}

/**
 * Gives the writes that set the limits of a new group.
 * @param devices for each device path in `resources.io`, its "major:minor"
 * @throws NiwaError HOST_UNSUPPORTED where the controller of a limit is missing
 */
export function limitWrites(
  resources: Resources,
  controllers: Controllers,
  devices: Readonly<Record<string, string>>,
): CgroupWrite[] {
  const { cpu, memory, io, pids } = resources;
  const writes: CgroupWrite[] = [
    ...one('cpu.max', cpu.max === undefined ? undefined : cpuMax(cpu.max)),
    ...one('cpu.max.burst', cpu.burstUsec),
    ...one('cpu.weight', cpu.weight),
    ...one('cpuset.cpus', cpu.cpus),
    ...one('memory.min', memory.minBytes),
    ...one('memory.low', memory.lowBytes),
    ...one('memory.high', memory.highBytes),
    ...one('memory.max', memory.maxBytes),
    ...one('memory.swap.max', memory.swapMaxBytes),
    ...one('memory.oom.group', oomGroup(resources)),
    ...io.map((limit) => ({ file: 'io.max', value: ioMax(limit, devices) })),
    ...one('pids.max', pids),
  ];
  for (const { file } of writes) requireController(file, controllers);
  return writes;
}

/** The limits that make a process slower. The others end the process, or make its system calls fail. */
const SLOWING = ['cpu.max', 'cpu.max.burst', 'cpu.weight', 'cpu.idle', 'io.max', 'memory.high'];

/**
 * Says whether a limit would make the boot program slower. A thread of niwad waits for the boot program, so twenty
 * containers that may use a hundredth of a processor would delay all other starts. Therefore these limits are set after
 * the boot program, before the workload.
 */
export function slowsBoot({ file }: CgroupWrite): boolean {
  return SLOWING.includes(file);
}

/**
 * Gives the writes that change the limits of a running container. In their order, a limit is in force at every moment,
 * and the kernel accepts each write: a burst never exceeds its quota; memory.high is written first where limits get
 * tighter, last where they loosen.
 * @param now the limits in force
 * @param change the fields to change; other fields stay as they are
 */
export function updateWrites(
  now: Resources,
  change: Resources,
  controllers: Controllers,
  devices: Readonly<Record<string, string>>,
): CgroupWrite[] {
  const chosen = change.memory.oomGroup === undefined && now.memory.oomGroup !== undefined;
  const ordered = limitWrites(change, controllers, devices).filter(
    // the spec has a value for it, which stays, whatever memory.max is now
    ({ file }) => !(chosen && file === 'memory.oom.group'),
  );
  const burstFalls = value(change.cpu.burstUsec, 0) < value(now.cpu.burstUsec, 0);
  const memoryFalls =
    value(change.memory.maxBytes, Number.POSITIVE_INFINITY) < value(now.memory.maxBytes, Number.POSITIVE_INFINITY);
  if (burstFalls) moveBefore(ordered, 'cpu.max.burst', 'cpu.max');
  if (!memoryFalls) moveBefore(ordered, 'memory.max', 'memory.high');
  return ordered;
}

/**
 * Gives the writes that set the files of `change` back to their values under `now`; where `now` has none, to the
 * kernel's default.
 */
export function undoWrites(
  now: Resources,
  change: readonly CgroupWrite[],
  controllers: Controllers,
  devices: Readonly<Record<string, string>>,
): CgroupWrite[] {
  const before = limitWrites(now, controllers, devices);
  return [...change].reverse().map(({ file, value }) => {
    if (file === 'io.max') return { file, value: fullIoMax(value.split(' ')[0] ?? '', now.io, devices) };
    const known = before.find((write) => write.file === file);
    return known ?? { file, value: KERNEL_DEFAULTS[file] ?? 'max' };
  });
}

/** The files that have a line for each device, and what a device without a line has. */
const DEVICE_DEFAULTS: Readonly<Record<string, string>> = {
  'io.max': 'rbps=max wbps=max riops=max wiops=max',
  'io.weight': 'default',
  'rdma.max': 'hca_handle=max hca_object=max',
};

/**
 * Gives the writes that set files of a group back to what they have now, the last one first.
 * @param read gives the text of a file; `''` where it is missing
 */
export function earlierWrites(change: readonly CgroupWrite[], read: (file: string) => string): CgroupWrite[] {
  return [...change].reverse().map(({ file, value }) => {
    const none = DEVICE_DEFAULTS[file];
    if (none === undefined) return { file, value: read(file) || '\n' }; // cpuset.cpus may be empty
    const device = value.split(' ')[0] ?? '';
    const line = read(file)
      .split('\n')
      .find((each) => each.startsWith(`${device} `));
    return { file, value: line ?? `${device} ${none}` };
  });
}

/**
 * Writes all four limits of the device "major:minor". In a write to io.max, a limit that is not named keeps its earlier
 * value.
 */
function fullIoMax(device: string, limits: readonly IoLimit[], devices: Readonly<Record<string, string>>): string {
  const own = limits.filter((limit) => (devices[limit.device] ?? limit.device) === device);
  const none = { rbps: 'max', wbps: 'max', riops: 'max', wiops: 'max' } as const;
  return ioMax(Object.assign({ ...none, device }, ...own, { device }), {});
}

function one(file: string, value: number | string | undefined): CgroupWrite[] {
  return value === undefined ? [] : [{ file, value: String(value) }];
}

function cpuMax(max: Limit): string {
  const quota = max === 'max' ? 'max' : Math.max(KERNEL_MIN_QUOTA_USEC, Math.round(max * CPU_PERIOD_USEC));
  return `${quota} ${CPU_PERIOD_USEC}`;
}

/**
 * If a container has a memory limit, the OOM killer ends all of its processes together, unless the spec says otherwise.
 */
function oomGroup({ memory }: Resources): number | undefined {
  if (memory.oomGroup !== undefined) return Number(memory.oomGroup);
  return memory.maxBytes === undefined || memory.maxBytes === 'max' ? undefined : 1;
}

function ioMax({ device, ...limits }: IoLimit, devices: Readonly<Record<string, string>>): string {
  const fields = Object.entries(limits).map(([name, limit]) => `${name}=${limit}`);
  return [devices[device] ?? device, ...fields].join(' ');
}

/** @throws NiwaError HOST_UNSUPPORTED where the controller of a file is missing */
export function requireController(file: string, controllers: Controllers): void {
  const controller = file.split('.')[0] ?? file;
  if (controllers.available.includes(controller)) return;
  const cause =
    controllers.missing[controller] ??
    `the requested cgroup controller \`${controller}\` is not available in the group above (cgroup.subtree_control)`;
  throw new NiwaError(
    'HOST_UNSUPPORTED',
    `${file} needs the ${controller} controller of cgroup v2, which this host does not give: ${cause}. ` +
      'Leave the limit out, or see `niwa doctor` for the cure.',
  );
}

function value(limit: Limit | undefined, none: number): number {
  return limit === undefined || limit === 'max' ? none : limit;
}

function moveBefore(writes: CgroupWrite[], file: string, other: string): void {
  const from = writes.findIndex((write) => write.file === file);
  const to = writes.findIndex((write) => write.file === other);
  if (from > to && to >= 0) writes.splice(to, 0, ...writes.splice(from, 1));
}
