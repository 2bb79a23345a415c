/**
 * Every field of the OCI runtime-spec 1.0 to 1.3 for Linux: whether niwa honours it, one line each. A config with a
 * field that is refused, or that is not listed, is refused by the name of the field. docs/oci.md has this table.
 */

export type FieldType = 'text' | 'texts' | 'integer' | 'integers' | 'boolean' | 'object' | 'objects' | 'map';

export interface Field {
  /** The type of its value; null for a field that is refused. */
  type: FieldType | null;
  /** What there is to say of it; "" for nothing. */
  note: string;
}

const takes = (type: FieldType, note = ''): Field => ({ type, note });
const NOT_YET: Field = { type: null, note: 'not yet' };
const never = (note: string): Field => ({ type: null, note });

export const FIELDS: Readonly<Record<string, Field>> = {
  ociVersion: takes('text', '1.0 to 1.3'),
  hostname: takes('text', 'needs a new UTS namespace'),
  domainname: NOT_YET,
  annotations: takes('map', 'those of [annotations](#annotations) have an effect'),
  hooks: NOT_YET,
  solaris: never('of another system'),
  windows: never('of another system'),
  vm: never('of another system'),
  zos: never('of another system'),
  freebsd: never('of another system'),

  root: takes('object'),
  'root.path': takes('text', 'from the bundle, if it is relative'),
  'root.readonly': takes('boolean'),

  mounts: takes('objects', 'exactly those listed, in their order'),
  'mounts[].destination': takes('text'),
  'mounts[].type': takes('text', 'any file system; `cgroup` is cgroup v2'),
  'mounts[].source': takes('text'),
  'mounts[].options': takes(
    'texts',
    'those of the file system; `ro rw nosuid suid nodev dev noexec exec bind rbind private rprivate`, which hold for all mounts below an `rbind`; not on a bind: `relatime noatime strictatime nodiratime nosymfollow`; others not yet',
  ),
  'mounts[].uidMappings': NOT_YET,
  'mounts[].gidMappings': NOT_YET,

  process: takes('object'),
  'process.terminal': takes('boolean', 'without `/dev/console`'),
  'process.consoleSize': takes('object'),
  'process.consoleSize.height': takes('integer'),
  'process.consoleSize.width': takes('integer'),
  'process.user': takes('object'),
  'process.user.uid': takes('integer'),
  'process.user.gid': takes('integer'),
  'process.user.umask': takes('integer'),
  'process.user.additionalGids': takes('integers'),
  'process.user.username': never('of another system'),
  'process.args': takes('texts', 'searched in `PATH` of `process.env`, before the start'),
  'process.commandLine': never('of another system'),
  'process.env': takes('texts', '`HOME` is added from the root, where it is missing'),
  'process.cwd': takes('text', 'made where it is missing'),
  'process.capabilities': takes('object'),
  'process.capabilities.bounding': takes('texts'),
  'process.capabilities.effective': takes('texts'),
  'process.capabilities.permitted': takes('texts'),
  'process.capabilities.inheritable': takes('texts'),
  'process.capabilities.ambient': takes('texts'),
  'process.rlimits': takes('objects'),
  'process.rlimits[].type': takes('text'),
  'process.rlimits[].soft': takes('integer', 'of 64 bits, exactly'),
  'process.rlimits[].hard': takes('integer', 'of 64 bits, exactly'),
  'process.noNewPrivileges': takes('boolean'),
  'process.oomScoreAdj': takes('integer'),
  'process.apparmorProfile': NOT_YET,
  'process.selinuxLabel': NOT_YET,
  'process.scheduler': NOT_YET,
  'process.ioPriority': NOT_YET,
  'process.execCPUAffinity': NOT_YET,

  linux: takes('object'),
  'linux.namespaces': takes('objects', 'those not listed are those of the command'),
  'linux.namespaces[].type': takes('text', '`mount` (needed), `pid network ipc uts cgroup`; `user` and `time` not yet'),
  'linux.namespaces[].path': takes('text', 'of `network`, `ipc`, `uts` and `cgroup`; `pid` and `mount` not yet'),
  'linux.uidMappings': NOT_YET,
  'linux.gidMappings': NOT_YET,
  'linux.timeOffsets': NOT_YET,
  'linux.devices': takes('objects'),
  'linux.devices[].path': takes('text'),
  'linux.devices[].type': takes('text', '`c` and `u`; others not yet'),
  'linux.devices[].major': takes('integer', 'up to 4095'),
  'linux.devices[].minor': takes('integer', 'up to 255'),
  'linux.devices[].fileMode': takes('integer'),
  'linux.devices[].uid': NOT_YET,
  'linux.devices[].gid': NOT_YET,
  'linux.netDevices': NOT_YET,
  'linux.cgroupsPath': NOT_YET,
  'linux.sysctl': takes('map'),
  'linux.rootfsPropagation': takes('text', '`private`; others not yet'),
  'linux.maskedPaths': takes('texts'),
  'linux.readonlyPaths': takes('texts'),
  'linux.mountLabel': NOT_YET,
  'linux.intelRdt': NOT_YET,
  'linux.personality': NOT_YET,
  'linux.memoryPolicy': NOT_YET,
  'linux.seccomp': takes('object'),
  'linux.seccomp.defaultAction': takes('text', 'ALLOW, ERRNO, KILL, KILL_PROCESS, KILL_THREAD, LOG; others not yet'),
  'linux.seccomp.defaultErrnoRet': takes('integer'),
  'linux.seccomp.architectures': takes(
    'texts',
    'of this machine; a call of its 32-bit variant ends the process, also where it is listed',
  ),
  'linux.seccomp.flags': NOT_YET,
  'linux.seccomp.listenerPath': NOT_YET,
  'linux.seccomp.listenerMetadata': NOT_YET,
  'linux.seccomp.syscalls': takes('objects'),
  'linux.seccomp.syscalls[].names': takes('texts'),
  'linux.seccomp.syscalls[].action': takes('text', 'as `defaultAction`'),
  'linux.seccomp.syscalls[].errnoRet': takes('integer'),
  'linux.seccomp.syscalls[].args': takes('objects'),
  'linux.seccomp.syscalls[].args[].index': takes('integer'),
  'linux.seccomp.syscalls[].args[].value': takes('integer', 'up to 2^53'),
  'linux.seccomp.syscalls[].args[].valueTwo': takes('integer', 'up to 2^53'),
  'linux.seccomp.syscalls[].args[].op': takes('text'),

  'linux.resources': takes('object', 'a limit whose controller the host lacks is refused'),
  'linux.resources.devices': takes('objects', 'a first rule that forbids all, then rules that allow; others not yet'),
  'linux.resources.devices[].allow': takes('boolean'),
  'linux.resources.devices[].type': takes('text', '`c` and `b` where a rule allows'),
  'linux.resources.devices[].major': takes('integer'),
  'linux.resources.devices[].minor': takes('integer'),
  'linux.resources.devices[].access': takes('text', '`rwm`; others not yet'),
  'linux.resources.memory': takes('object'),
  'linux.resources.memory.limit': takes('integer', '`memory.max`'),
  'linux.resources.memory.reservation': takes('integer', '`memory.low`'),
  'linux.resources.memory.swap': takes('integer', 'less `limit`: `memory.swap.max`'),
  'linux.resources.memory.kernel': never('of cgroup v1'),
  'linux.resources.memory.kernelTCP': never('of cgroup v1'),
  'linux.resources.memory.swappiness': never('of cgroup v1'),
  'linux.resources.memory.disableOOMKiller': never('of cgroup v1'),
  'linux.resources.memory.useHierarchy': never('of cgroup v1'),
  'linux.resources.memory.checkBeforeUpdate': NOT_YET,
  'linux.resources.cpu': takes('object'),
  'linux.resources.cpu.shares': takes('integer', '`cpu.weight`: 2 to 262144 become 1 to 10000'),
  'linux.resources.cpu.quota': takes('integer', '`cpu.max`'),
  'linux.resources.cpu.period': takes('integer', '`cpu.max`'),
  'linux.resources.cpu.burst': takes('integer', '`cpu.max.burst`'),
  'linux.resources.cpu.cpus': takes('text', '`cpuset.cpus`'),
  'linux.resources.cpu.mems': takes('text', '`cpuset.mems`'),
  'linux.resources.cpu.idle': takes('integer', '`cpu.idle`'),
  'linux.resources.cpu.realtimeRuntime': never('of cgroup v1'),
  'linux.resources.cpu.realtimePeriod': never('of cgroup v1'),
  'linux.resources.pids': takes('object'),
  'linux.resources.pids.limit': takes('integer', '`pids.max`'),
  'linux.resources.unified': takes('map', 'files of controllers, as they are'),
  'linux.resources.blockIO': NOT_YET,
  'linux.resources.hugepageLimits': NOT_YET,
  'linux.resources.network': never('of cgroup v1'),
  'linux.resources.rdma': NOT_YET,
};

/** Gives the table of docs/oci.md. */
export function fieldTable(): string {
  const rows = Object.entries(FIELDS).map(
    ([name, { type, note }]) => `| \`${name}\` | ${type === null ? 'refused' : 'works'} | ${note} |`,
  );
  return ['| field | | |', '| ----- | --- | --- |', ...rows].join('\n');
}
