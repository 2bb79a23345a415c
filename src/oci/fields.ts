/**
 * Every field of the OCI runtime-spec 1.0 to 1.3 for Linux: whether niwa honours it, one line each. A config with a
 * field that is refused is refused by the name of the field. One that is not listed is left out with a warning, as
 * config.md of the OCI wants it ("Extensibility"). docs/oci.md has this table.
 */

import { HOOK_POINTS } from '../plan/oci/config.js';

/** `objectMap`: an object whose keys are names, and whose values are objects; `{}` stands for the keys. */
export type FieldType =
  | 'text'
  | 'texts'
  | 'integer'
  | 'integers'
  | 'boolean'
  | 'object'
  | 'objects'
  | 'map'
  | 'objectMap';

export interface Field {
  /** The type of its value; null for a field that is refused. */
  type: FieldType | null;
  /** What there is to say of it; "" for nothing. */
  note: string;
  /** The only values that are taken. */
  only?: readonly (number | bigint | boolean)[];
}

const takes = (type: FieldType, note = ''): Field => ({ type, note });
const never = (note: string): Field => ({ type: null, note });
/** A limit of cgroup v1 that v2 does not have. Engines write values that ask for nothing. */
const ofV1 = (type: FieldType, ...only: (number | bigint | boolean)[]): Field => ({
  type,
  note: `of cgroup v1: only ${only.join(' or ')}, which asks for nothing`,
  only,
});
/** -1 as an unsigned integer of 64 bits. */
const MINUS_ONE = 2n ** 64n - 1n;
const mappings = (name: string, note: string): Record<string, Field> => ({
  [name]: takes('objects', note),
  [`${name}[].containerID`]: takes('integer'),
  [`${name}[].hostID`]: takes('integer'),
  [`${name}[].size`]: takes('integer'),
});

function ofHooks(): Record<string, Field> {
  const fields = HOOK_POINTS.map((point): [string, Field][] => [
    [`hooks.${point}`, takes('objects')],
    [`hooks.${point}[].path`, takes('text')],
    [`hooks.${point}[].args`, takes('texts')],
    [`hooks.${point}[].env`, takes('texts')],
    [`hooks.${point}[].timeout`, takes('integer', 'in seconds')],
  ]);
  return Object.fromEntries(fields.flat());
}

export const FIELDS: Readonly<Record<string, Field>> = {
  ociVersion: takes('text', '1.0 to 1.3'),
  hostname: takes('text', 'needs a UTS namespace, new or joined'),
  domainname: takes('text', 'needs a UTS namespace, new or joined'),
  annotations: takes('map', 'those of [annotations](#annotations) have an effect'),
  hooks: takes('object', 'see [Hooks](#hooks)'),
  ...ofHooks(),
  solaris: never('of another system'),
  windows: never('of another system'),
  vm: never('of another system'),
  zos: never('of another system'),
  freebsd: never('of another system'),

  root: takes('object'),
  'root.path': takes('text', 'from the bundle, if it is relative'),
  'root.readonly': takes('boolean'),

  mounts: takes('objects', 'exactly those listed, in their order'),
  'mounts[].destination': takes('text', 'a relative one is read from `/`, with a warning'),
  'mounts[].type': takes('text', 'any file system; `cgroup` is cgroup v2'),
  'mounts[].source': takes('text'),
  'mounts[].options': takes('texts', 'those of the file system, and [those of every mount](#mounts)'),
  ...mappings('mounts[].uidMappings', '[of a bind](#user-namespaces)'),
  ...mappings('mounts[].gidMappings', '[of a bind](#user-namespaces)'),

  process: takes('object'),
  'process.terminal': takes('boolean', 'it is at `/dev/console`, too, unless `/dev` is that of the host'),
  'process.consoleSize': takes('object', 'up to 65535'),
  'process.consoleSize.height': takes('integer'),
  'process.consoleSize.width': takes('integer'),
  'process.user': takes('object', 'root where it is missing'),
  'process.user.uid': takes('integer'),
  'process.user.gid': takes('integer'),
  'process.user.umask': takes('integer', '022 where it is missing'),
  'process.user.additionalGids': takes('integers'),
  'process.user.username': never('of another system'),
  'process.args': takes('texts', 'searched in `PATH` of `process.env`, before the start'),
  'process.commandLine': never('of another system'),
  'process.env': takes('texts', '`HOME` is added from the root, where it is missing'),
  'process.cwd': takes('text', 'made where it is missing; the user needs no right to enter it'),
  'process.capabilities': takes(
    'object',
    'names that are not known, or that niwa-oci or niwad lacks, are left out, with a warning',
  ),
  'process.capabilities.bounding': takes('texts'),
  'process.capabilities.effective': takes('texts'),
  'process.capabilities.permitted': takes('texts'),
  'process.capabilities.inheritable': takes('texts'),
  'process.capabilities.ambient': takes('texts', 'as far as they are permitted and inheritable, too'),
  'process.rlimits': takes('objects'),
  'process.rlimits[].type': takes('text'),
  'process.rlimits[].soft': takes('integer', 'of 64 bits, exactly'),
  'process.rlimits[].hard': takes('integer', 'of 64 bits, exactly'),
  'process.noNewPrivileges': takes('boolean'),
  'process.oomScoreAdj': takes('integer'),
  'process.apparmorProfile': takes('text', 'where the host has AppArmor; it has to be loaded'),
  'process.selinuxLabel': takes('text', 'where the host has SELinux; not tried with a policy'),
  'process.scheduler': takes('object'),
  'process.scheduler.policy': takes('text', 'not `SCHED_ISO`, which Linux does not have'),
  'process.scheduler.nice': takes('integer'),
  'process.scheduler.priority': takes('integer'),
  'process.scheduler.flags': takes(
    'texts',
    'the OCI has no values for `SCHED_FLAG_UTIL_CLAMP_MIN` and `_MAX`: they set those that nothing changes, 0 and 1024',
  ),
  'process.scheduler.runtime': takes('integer'),
  'process.scheduler.deadline': takes('integer'),
  'process.scheduler.period': takes('integer'),
  'process.ioPriority': takes('object'),
  'process.ioPriority.class': takes('text'),
  'process.ioPriority.priority': takes('integer'),
  'process.execCPUAffinity': takes('object', 'of an `exec`'),
  'process.execCPUAffinity.initial': takes('text', 'where niwa-oci runs until the process is in its group'),
  'process.execCPUAffinity.final': takes('text', 'without it and `initial`: all CPUs of the group'),

  linux: takes('object'),
  'linux.namespaces': takes('objects', 'those not listed are those of the command'),
  'linux.namespaces[].type': takes('text', '`mount pid network ipc uts cgroup time user`'),
  'linux.namespaces[].path': takes('text', '[joined](#namespaces); absolute'),
  ...mappings('linux.uidMappings', 'of [a new user namespace](#user-namespaces)'),
  ...mappings('linux.gidMappings', 'of [a new user namespace](#user-namespaces)'),
  'linux.timeOffsets': takes('object', 'needs a new time namespace'),
  'linux.timeOffsets.monotonic': takes('object'),
  'linux.timeOffsets.monotonic.secs': takes('integer'),
  'linux.timeOffsets.monotonic.nanosecs': takes('integer'),
  'linux.timeOffsets.boottime': takes('object'),
  'linux.timeOffsets.boottime.secs': takes('integer'),
  'linux.timeOffsets.boottime.nanosecs': takes('integer'),
  'linux.timeOffsets.realtime': never('the kernel has no offset for it'),
  'linux.devices': takes('objects', 'not where `/dev` is that of the host: it is left as it is'),
  'linux.devices[].path': takes('text'),
  'linux.devices[].type': takes('text'),
  'linux.devices[].major': takes('integer', 'up to 4095; needed but for a pipe'),
  'linux.devices[].minor': takes('integer', 'up to 1048575; needed but for a pipe'),
  'linux.devices[].fileMode': takes('integer'),
  'linux.devices[].uid': takes('integer'),
  'linux.devices[].gid': takes('integer'),
  'linux.netDevices': takes(
    'objectMap',
    'by the name of the device; needs a network namespace; see [Network devices](#network-devices)',
  ),
  'linux.netDevices{}.name': takes('text', '`%d` in it is a number that the kernel finds'),
  'linux.cgroupsPath': takes(
    'text',
    'of cgroupfs: absolute, or below `oci` in the group of niwad; an empty group that is there is made anew; with `--systemd-cgroup` `slice:prefix:name`',
  ),
  'linux.sysctl': takes('map', 'of network, ipc and uts namespaces that are made or joined'),
  'linux.rootfsPropagation': takes('text', 'see [Mounts](#mounts)'),
  'linux.maskedPaths': takes('texts'),
  'linux.readonlyPaths': takes('texts'),
  'linux.mountLabel': takes(
    'text',
    'as `process.selinuxLabel`; of new file systems but proc, sysfs, mqueue and cgroup',
  ),
  'linux.intelRdt': never('it could be tried on no machine'),
  'linux.personality': takes('object'),
  'linux.personality.domain': takes('text'),
  'linux.personality.flags': takes('texts', 'the OCI names none'),
  'linux.memoryPolicy': takes('object', 'of an exec, too'),
  'linux.memoryPolicy.mode': takes('text'),
  'linux.memoryPolicy.nodes': takes('text', 'up to node 1023'),
  'linux.memoryPolicy.flags': takes('texts'),
  'linux.seccomp': takes('object', 'one that refuses `execve` is refused: no program could begin'),
  'linux.seccomp.defaultAction': takes('text', 'ALLOW, ERRNO, KILL, KILL_PROCESS, KILL_THREAD, LOG, TRACE, TRAP'),
  'linux.seccomp.defaultErrnoRet': takes('integer', 'of ERRNO up to 4095, of TRACE up to 65535; refused with others'),
  'linux.seccomp.architectures': takes(
    'texts',
    'of this machine, others have no effect; the rules hold for its 32-bit variant where that is listed; all other calls give ENOSYS',
  ),
  'linux.seccomp.flags': takes('texts', 'LOG, SPEC_ALLOW, TSYNC; WAIT_KILLABLE_RECV with NOTIFY'),
  'linux.seccomp.listenerPath': takes('text', 'see [Seccomp agents](#seccomp-agents)'),
  'linux.seccomp.listenerMetadata': takes('text'),
  'linux.seccomp.syscalls': takes(
    'objects',
    'up to 10000 names and 256 conditions; of one call up to 64 rules with conditions; where a rule has several, up to 729 [combinations](spec.md#userns-seccomp-devices-shmsize-sysctls) of them',
  ),
  'linux.seccomp.syscalls[].names': takes('texts'),
  'linux.seccomp.syscalls[].action': takes('text', 'as `defaultAction`, and [NOTIFY](#seccomp-agents)'),
  'linux.seccomp.syscalls[].errnoRet': takes('integer', 'as `defaultErrnoRet`'),
  'linux.seccomp.syscalls[].args': takes('objects'),
  'linux.seccomp.syscalls[].args[].index': takes('integer'),
  'linux.seccomp.syscalls[].args[].value': takes('integer', 'of 64 bits, exactly'),
  'linux.seccomp.syscalls[].args[].valueTwo': takes('integer', 'of 64 bits, exactly'),
  'linux.seccomp.syscalls[].args[].op': takes('text'),

  'linux.resources': takes('object', 'a limit whose controller the host lacks is refused'),
  'linux.resources.devices': takes('objects', 'in their order, the usual devices last: a later rule wins'),
  'linux.resources.devices[].allow': takes('boolean'),
  'linux.resources.devices[].type': takes('text', '`a`, `b` or `c`; missing for all'),
  'linux.resources.devices[].major': takes('integer', 'missing or below 0 for all'),
  'linux.resources.devices[].minor': takes('integer', 'missing or below 0 for all'),
  'linux.resources.devices[].access': takes('text', 'of `r`, `w` and `m`; missing for all'),
  'linux.resources.memory': takes('object'),
  'linux.resources.memory.limit': takes('integer', '`memory.max`'),
  'linux.resources.memory.reservation': takes('integer', '`memory.low`'),
  'linux.resources.memory.swap': takes('integer', 'less `limit`: `memory.swap.max`'),
  'linux.resources.memory.kernel': ofV1('integer', 0, -1),
  'linux.resources.memory.kernelTCP': ofV1('integer', 0, -1),
  'linux.resources.memory.swappiness': ofV1('integer', -1, MINUS_ONE),
  'linux.resources.memory.disableOOMKiller': ofV1('boolean', false),
  'linux.resources.memory.useHierarchy': takes('boolean', 'of cgroup v1; v2 always has it'),
  'linux.resources.memory.checkBeforeUpdate': takes('boolean', 'an `update` below what is in use is refused'),
  'linux.resources.cpu': takes('object'),
  'linux.resources.cpu.shares': takes('integer', '`cpu.weight`: 2 to 262144 become 1 to 10000'),
  'linux.resources.cpu.quota': takes('integer', '`cpu.max`'),
  'linux.resources.cpu.period': takes('integer', '`cpu.max`'),
  'linux.resources.cpu.burst': takes('integer', '`cpu.max.burst`'),
  'linux.resources.cpu.cpus': takes('text', '`cpuset.cpus`'),
  'linux.resources.cpu.mems': takes('text', '`cpuset.mems`'),
  'linux.resources.cpu.idle': takes('integer', '`cpu.idle`'),
  'linux.resources.cpu.realtimeRuntime': ofV1('integer', 0, -1),
  'linux.resources.cpu.realtimePeriod': ofV1('integer', 0),
  'linux.resources.pids': takes('object'),
  'linux.resources.pids.limit': takes(
    'integer',
    '`pids.max`; 0 is 1 from `ociVersion` 1.3 on, and no limit before and in an `update`',
  ),
  'linux.resources.unified': takes(
    'map',
    'files of controllers that the group has, as they are; `cgroup.max.depth` up to 32, `cgroup.max.descendants` up to 2000',
  ),
  'linux.resources.blockIO': takes('object'),
  'linux.resources.blockIO.weight': takes(
    'integer',
    '`io.weight`: 10 to 1000 become 1 to 10000; the scheduler BFQ looks at `io.bfq.weight`, which `unified` sets',
  ),
  'linux.resources.blockIO.leafWeight': ofV1('integer', 0),
  'linux.resources.blockIO.weightDevice': takes('objects', '`io.weight` of a device'),
  'linux.resources.blockIO.weightDevice[].major': takes('integer'),
  'linux.resources.blockIO.weightDevice[].minor': takes('integer'),
  'linux.resources.blockIO.weightDevice[].weight': takes('integer', '0 is none'),
  'linux.resources.blockIO.weightDevice[].leafWeight': ofV1('integer', 0),
  'linux.resources.blockIO.throttleReadBpsDevice': takes('objects', '`io.max` rbps; a rate of 0 is none'),
  'linux.resources.blockIO.throttleReadBpsDevice[].major': takes('integer'),
  'linux.resources.blockIO.throttleReadBpsDevice[].minor': takes('integer'),
  'linux.resources.blockIO.throttleReadBpsDevice[].rate': takes('integer'),
  'linux.resources.blockIO.throttleWriteBpsDevice': takes('objects', '`io.max` wbps; a rate of 0 is none'),
  'linux.resources.blockIO.throttleWriteBpsDevice[].major': takes('integer'),
  'linux.resources.blockIO.throttleWriteBpsDevice[].minor': takes('integer'),
  'linux.resources.blockIO.throttleWriteBpsDevice[].rate': takes('integer'),
  'linux.resources.blockIO.throttleReadIOPSDevice': takes('objects', '`io.max` riops; a rate of 0 is none'),
  'linux.resources.blockIO.throttleReadIOPSDevice[].major': takes('integer'),
  'linux.resources.blockIO.throttleReadIOPSDevice[].minor': takes('integer'),
  'linux.resources.blockIO.throttleReadIOPSDevice[].rate': takes('integer'),
  'linux.resources.blockIO.throttleWriteIOPSDevice': takes('objects', '`io.max` wiops; a rate of 0 is none'),
  'linux.resources.blockIO.throttleWriteIOPSDevice[].major': takes('integer'),
  'linux.resources.blockIO.throttleWriteIOPSDevice[].minor': takes('integer'),
  'linux.resources.blockIO.throttleWriteIOPSDevice[].rate': takes('integer'),
  'linux.resources.hugepageLimits': takes('objects'),
  'linux.resources.hugepageLimits[].pageSize': takes('text', 'such as `2MB`, `1GB`'),
  'linux.resources.hugepageLimits[].limit': takes('integer', '`hugetlb.SIZE.max` in bytes; 0 is a limit'),
  'linux.resources.network': takes('object'),
  'linux.resources.network.classID': ofV1('integer', 0),
  'linux.resources.network.priorities': never('of cgroup v1'),
  'linux.resources.rdma': takes('objectMap', 'by the name of the device'),
  'linux.resources.rdma{}.hcaHandles': takes('integer', '`rdma.max` hca_handle'),
  'linux.resources.rdma{}.hcaObjects': takes('integer', '`rdma.max` hca_object'),
};

/** Gives the table of docs/oci.md. */
export function fieldTable(): string {
  const rows = Object.entries(FIELDS).map(
    ([name, { type, note }]) => `| \`${name}\` | ${type === null ? 'refused' : 'works'} | ${note} |`,
  );
  return ['| field | | |', '| ----- | --- | --- |', ...rows].join('\n');
}
