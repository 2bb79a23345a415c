import type { Step } from '../protocol/plan.js';
import type { IdMaps, Rlimit, Spec } from '../protocol/resolved-spec.js';
import type { SeccompProfileInput } from '../protocol/spec.js';
import { formatDuration } from '../protocol/units.js';
import { type DeviceRule, deviceText, USUAL_DEVICES } from './devices.js';
import { type CloneNamespaces, cloneNamespaces, namespaceOps } from './namespaces.js';
import type { NetworkStep } from './network.js';
import type { Op } from './op.js';
import { chdir, closeFds, exec, hostname, init, linkUp, terminal, umask, wait, write } from './ops.js';
import { type CgroupWrite, type Controllers, limitWrites, slowsBoot } from './resources.js';
import { oomOps, rightsOps, seccompOps } from './restrictions.js';
import { type PlacedFile, rootOps } from './root.js';
import { idMaps, mapText, mountMaps, mountMapText } from './userns.js';

/** The network of a container: the steps that connect it before its start, and the files that cover those of its root. */
export interface PlanNetwork {
  steps: readonly NetworkStep[];
  files: readonly PlacedFile[];
}

/** What a plan has to know of the host, whatever the container. */
export interface HostView {
  /** The directory that holds one group per container. */
  containersCgroup: string;
  controllers: Controllers;
  /** An empty directory to build roots on. */
  stage: string;
  /** Whether the kernel filters devices by group. */
  filtersDevices: boolean;
  /** Whether niwad's own oom_score_adj is below 0: a container does not inherit this protection. */
  oomProtected: boolean;
  /** How many files a process may have open where the spec does not say. */
  openFiles: Rlimit;
  /** The size of `/tmp` and the like over the host's own root; null for a tenth of the host's memory. */
  placeBytes: number | null;
  /** Compiles a profile to instructions; the same profile gives the same. */
  compileSeccomp: (profile: SeccompProfileInput) => readonly bigint[];
}

/** What one container gets of the host: from pools, and the numbers of the devices that its spec names. */
export interface Allotment {
  /** The "major:minor" of each block device that a limit names. */
  devices: Readonly<Record<string, string>>;
  /** The number of each device that `spec.devices` names. */
  deviceNodes: readonly DeviceRule[];
  /** The host ids for a container with `userns: auto`. */
  idRange: { start: number; size: number };
  /** Its network; null for none. */
  network: PlanNetwork | null;
}

export type PlanHost = HostView & Allotment;

/** Everything decided: the group, its limits and devices, the namespaces, and the boot program. */
export interface Plan {
  id: string;
  /** Its group, with the writes before its first process; the late writes would slow the boot program down, and follow it. */
  cgroup: { path: string; writes: CgroupWrite[]; lateWrites: CgroupWrite[] };
  /** All devices that it may use; null where the kernel has no filter. */
  devices: DeviceRule[] | null;
  /** The ids of its user namespace; null for the host's. */
  userns: IdMaps | null;
  /** The maps of mounts that have one of their own, in the order of their descriptors. */
  mountMaps: IdMaps[];
  /** The squashfs or erofs file to mount before the device filter applies, which hides loop devices; null for none. */
  image: string | null;
  clone: CloneNamespaces;
  boot: Op[];
  network: readonly NetworkStep[];
}

/**
 * Decides all that a start will do. Pure: the same spec, host and allotment give the same plan.
 * @throws NiwaError HOST_UNSUPPORTED where the host cannot enforce a limit
 */
export function makePlan(spec: Spec, host: PlanHost): Plan {
  const userns = idMaps(spec, host.idRange);
  const writes = limitWrites(spec.resources, host.controllers, host.devices).map((write) =>
    spec.defaulted?.includes(write.file) ? { ...write, isDefault: true } : write,
  );
  return {
    id: spec.id,
    cgroup: {
      path: `${host.containersCgroup}/${spec.id}`,
      writes: writes.filter((write) => !slowsBoot(write)),
      lateWrites: writes.filter(slowsBoot),
    },
    devices: host.filtersDevices ? [...USUAL_DEVICES, ...host.deviceNodes] : null,
    userns,
    mountMaps: mountMaps(spec, userns),
    image: spec.root.file,
    clone: cloneNamespaces(spec),
    boot: bootOps(spec, host, userns),
    network: host.network?.steps ?? [],
  };
}

/** Lists the steps of a plan in the order in which they run. */
export function planSteps({ cgroup, devices, userns, mountMaps, image, clone, boot, network }: Plan): Step[] {
  const places = [
    ...(clone.pidNamespace === '' ? [] : [`the PID namespace ${clone.pidNamespace}`]),
    ...(clone.networkOf === '' ? [] : [`the network namespace of container ${clone.networkOf}`]),
  ];
  const born = places.length === 0 ? '' : `, in ${places.join(' and ')}`;
  const bootSteps = boot.map(({ name, text }): Step => ({ phase: 'boot', operation: name, text }));
  const pause = bootSteps.findIndex(({ operation }) => operation === 'wait') + 1;
  return [
    { phase: 'group', operation: 'mkdir', text: `make the cgroup ${cgroup.path}` },
    ...cgroup.writes.map(writeStep),
    ...(devices === null ? [] : [{ phase: 'devices', operation: 'bpf', text: deviceText(devices) } as const]),
    ...(userns === null ? [] : [{ phase: 'userns', operation: 'clone3', text: mapText(userns) } as const]),
    ...mountMaps.map((maps): Step => ({ phase: 'userns', operation: 'clone3', text: mountMapText(maps) })),
    ...(image === null
      ? []
      : [{ phase: 'image', operation: 'image', text: `mount the squashfs or erofs file ${image}` } as const]),
    {
      phase: 'clone',
      operation: 'clone3',
      text: `clone3 into the cgroup with new namespaces: ${clone.names.join(', ') || 'none'}${born}`,
    },
    ...bootSteps.slice(0, pause),
    ...cgroup.lateWrites.map(writeStep),
    ...network.map(({ operation, text }): Step => ({ phase: 'network', operation, text })),
    ...bootSteps.slice(pause),
  ];
}

function writeStep({ file, value, isDefault = false }: CgroupWrite): Step {
  return { phase: 'group', operation: file, text: `set ${file} to ${value}${isDefault ? ', a default' : ''}` };
}

/** Gives a line that says how a container will end: no step shows this part of a spec. */
export function describeEnd({ lifetimeUsec, jitterUsec, stopSignal, stopTimeoutUsec }: Spec): string {
  const stop = `${stopSignal}, and cgroup.kill after ${formatDuration(stopTimeoutUsec)}`;
  if (lifetimeUsec === null) return `no lifetime; a stop is ${stop}`;
  const jitter = jitterUsec > 0 ? ` less up to ${formatDuration(jitterUsec)}` : '';
  return `ends ${formatDuration(lifetimeUsec)}${jitter} after its start: ${stop}`;
}

function bootOps(spec: Spec, host: PlanHost, userns: IdMaps | null): Op[] {
  const { stage, compileSeccomp } = host;
  const { process, namespaces } = spec;
  return [
    ...oomOps(spec, host.oomProtected),
    ...namespaceOps(spec),
    ...(spec.hostname === null ? [] : [hostname(spec.hostname)]),
    ...(namespaces.network === 'new' ? networkOps(userns) : []),
    ...rootOps(spec, stage, userns, { files: host.network?.files ?? [], placeBytes: host.placeBytes }),
    ...rightsOps(spec, userns, [host.openFiles]),
    ...(process.tty ? [terminal(0, 0)] : []),
    chdir(process.cwd),
    umask(process.umask),
    wait(),
    ...seccompOps(spec.seccomp, compileSeccomp),
    ...(spec.init ? [init()] : []), // after the filter: a workload may trace its init, and would use the calls that the init may make
    closeFds(),
    exec(process.args, process.env),
  ];
}

/**
 * The network namespace belongs to the host's user namespace, so the container's root has no power over it. By these settings every user in
 * it may bind low ports and send pings.
 */
function networkOps(userns: IdMaps | null): Op[] {
  const settings = [
    write('/proc/sys/net/ipv4/ip_unprivileged_port_start', '0'),
    write('/proc/sys/net/ipv4/ping_group_range', '0 2147483647'),
  ];
  return [...(userns === null ? [] : settings), linkUp('lo')];
}
