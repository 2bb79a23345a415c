import type { Step } from '../protocol/plan.js';
import type { IdMaps, Rlimit, Spec } from '../protocol/resolved-spec.js';
import type { SeccompProfileInput } from '../protocol/spec.js';
import { formatDuration } from '../protocol/units.js';
import { type DeviceRule, deviceText, USUAL_DEVICES } from './devices.js';
import { type CloneNamespaces, cloneNamespaces, namespaceOps } from './namespaces.js';
import type { NetworkStep } from './network.js';
import type { Op } from './op.js';
import { chdir, closeFds, exec, hostname, init, linkUp, sysctl, terminal, umask, wait } from './ops.js';
import { type CgroupWrite, type Controllers, limitWrites, slowsBoot } from './resources.js';
import { mayWaitFiltered, oomOps, rightsOps, seccompOps } from './restrictions.js';
import { type PlacedFile, rootOps } from './root.js';
import { idMaps, mapText, mountMaps, mountMapText } from './userns.js';

/**
 * The network of a container: the steps that connect it before its start, and the files that are mounted over files of
 * its root.
 */
export interface PlanNetwork {
  steps: readonly NetworkStep[];
  files: readonly PlacedFile[];
}

/** The facts about the host that plans need. They are the same for all containers. */
export interface HostView {
  /** The group that has one group for each container. */
  containersCgroup: string;
  controllers: Controllers;
  /** An empty directory, on which the boot program mounts the root. */
  stage: string;
  /** Whether the kernel can filter devices by group. */
  filtersDevices: boolean;
  /** Whether niwad's own oom_score_adj is below 0: a container does not inherit this protection. */
  oomProtected: boolean;
  /** The limit of open files, for a spec that has none. */
  openFiles: Rlimit;
  /** The size of each tmpfs such as `/tmp` over the host's own root; null for a tenth of the host's memory. */
  placeBytes: number | null;
  /** The names of {@link BUILT_IN} that this kernel does not have: they need no protection. */
  absent: readonly string[];
  /** Compiles a profile to instructions. The same profile always gives the same instructions. */
  compileSeccomp: (profile: SeccompProfileInput) => readonly bigint[];
}

/** What one container gets from the host: its ids, its network, and the numbers of the devices that its spec names. */
export interface Allotment {
  /** For each block device that a limit names, its "major:minor". */
  devices: Readonly<Record<string, string>>;
  /** The numbers of the devices in `spec.devices`. */
  deviceNodes: readonly DeviceRule[];
  /** The host ids that the container gets with `userns: auto`. */
  idRange: { start: number; size: number };
  /** Its network; null for a container without network steps and files. */
  network: PlanNetwork | null;
}

export type PlanHost = HostView & Allotment;

/** The part of a spec that decides which limits a plan sets. */
export type PlannedLimits = Pick<Spec, 'resources' | 'defaulted'>;

/** All decisions for one container: the group, its limits and devices, the namespaces, and the boot program. */
export interface Plan {
  id: string;
  /** The limits that it was compiled for: those of the spec may change before the start. */
  limits: PlannedLimits;
  /**
   * Its group. `writes` come before its first process; `lateWrites` come after the boot program, since they would slow
   * it down.
   */
  cgroup: { path: string; writes: CgroupWrite[]; lateWrites: CgroupWrite[] };
  /** All devices that the container may use; null where the kernel has no device filter. */
  devices: DeviceRule[] | null;
  /** The id maps of its user namespace; null for the host's user namespace. */
  userns: IdMaps | null;
  /** The id maps of those mounts that have their own, in the order of their descriptors. */
  mountMaps: IdMaps[];
  /**
   * The squashfs or erofs file to mount; null for none. It is mounted before the device filter is set, which forbids
   * loop devices.
   */
  image: string | null;
  clone: CloneNamespaces;
  boot: Op[];
  network: readonly NetworkStep[];
}

/**
 * Decides everything that a start will do. Pure: the same spec, host and allotment give the same plan.
 * @throws NiwaError HOST_UNSUPPORTED where the host cannot enforce a limit
 */
export function makePlan(spec: Spec, host: PlanHost): Plan {
  const userns = idMaps(spec, host.idRange);
  const writes = limitWrites(spec.resources, host.controllers, host.devices).map((write) =>
    spec.defaulted?.includes(write.file) ? { ...write, isDefault: true } : write,
  );
  const { resources, defaulted = [] } = spec;
  return {
    id: spec.id,
    limits: { resources, defaulted },
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

/** Gives a line that says how the container will end, since no step of the plan shows this part of the spec. */
export function describeEnd({ lifetimeUsec, jitterUsec, stopSignal, stopTimeoutUsec }: Spec): string {
  const stop = `${stopSignal}, and cgroup.kill after ${formatDuration(stopTimeoutUsec)}`;
  if (lifetimeUsec === null) return `no lifetime; a stop is ${stop}`;
  const jitter = jitterUsec > 0 ? ` less up to ${formatDuration(jitterUsec)}` : '';
  return `ends ${formatDuration(lifetimeUsec)}${jitter} after its start: ${stop}`;
}

function bootOps(spec: Spec, host: PlanHost, userns: IdMaps | null): Op[] {
  const { stage, compileSeccomp } = host;
  const { process, namespaces } = spec;
  const filter = seccompOps(spec.seccomp, compileSeccomp);
  return [
    ...oomOps(spec, host.oomProtected),
    ...namespaceOps(spec),
    ...(spec.hostname === null ? [] : [hostname(spec.hostname)]),
    ...(namespaces.network === 'new' ? networkOps(userns) : []),
    ...Object.entries(spec.sysctls ?? {}).map(([name, value]) => sysctl(name, value)),
    ...rootOps(spec, stage, userns, {
      files: host.network?.files ?? [],
      placeBytes: host.placeBytes,
      absent: host.absent,
    }),
    ...rightsOps(spec, userns, [host.openFiles]),
    ...(process.tty ? [terminal(0, 0)] : []),
    chdir(process.cwd),
    umask(process.umask),
    // before the wait where that is possible: it takes long, and nobody waits then
    ...(mayWaitFiltered(spec.seccomp) ? [...filter, wait()] : [wait(), ...filter]),
    // after the filter: a workload may trace its init, and could else use calls that only the init may make
    ...(spec.init ? [init()] : []),
    closeFds(),
    exec(process.args, process.env),
  ];
}

/**
 * Sets what every user may do in the network namespace: bind low ports, and send pings. The namespace belongs to the
 * host's user namespace, so the root user of the container has no rights over it, and cannot set this itself.
 */
function networkOps(userns: IdMaps | null): Op[] {
  const settings = [
    sysctl('net.ipv4.ip_unprivileged_port_start', '0'),
    sysctl('net.ipv4.ping_group_range', '0 2147483647'),
  ];
  return [...(userns === null ? [] : settings), linkUp('lo')];
}
