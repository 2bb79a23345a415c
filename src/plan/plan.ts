import { capabilityMask } from '../spec/capabilities.js';
import type { Spec } from '../spec/spec.js';
import { formatDuration } from '../spec/units.js';
import { type CloneNamespaces, cloneNamespaces, namespaceOps } from './namespaces.js';
import {
  capbset,
  capset,
  chdir,
  exec,
  hostname,
  init,
  linkUp,
  noNewPrivs,
  type Op,
  rlimit,
  setsid,
  umask,
  user,
  wait,
  write,
} from './ops.js';
import { type CgroupWrite, type Controllers, limitWrites } from './resources.js';
import { rootOps } from './root.js';

/** What a plan has to know of the host. */
export interface PlanHost {
  /** The directory that holds one group per container. */
  containersCgroup: string;
  controllers: Controllers;
  /** An empty directory to build roots on. */
  stage: string;
  /** The "major:minor" of each device path that the spec names. */
  devices: Readonly<Record<string, string>>;
}

/** Everything decided: the group and its limits, the namespaces, and the boot program. */
export interface Plan {
  id: string;
  cgroup: { path: string; writes: CgroupWrite[] };
  clone: CloneNamespaces;
  boot: Op[];
}

/** One step of a plan: where it runs, and its words. */
export interface Step {
  phase: 'group' | 'clone' | 'boot';
  operation: string;
  text: string;
}

/**
 * Decides all that a start will do. Pure: the same spec and host give the same plan.
 * @throws NiwaError HOST_UNSUPPORTED where the host cannot enforce a limit
 */
export function makePlan(spec: Spec, host: PlanHost): Plan {
  return {
    id: spec.id,
    cgroup: {
      path: `${host.containersCgroup}/${spec.id}`,
      writes: limitWrites(spec.resources, host.controllers, host.devices),
    },
    clone: cloneNamespaces(spec),
    boot: bootOps(spec, host.stage),
  };
}

/** Lists the steps of a plan in the order in which they run. */
export function planSteps({ cgroup, clone, boot }: Plan): Step[] {
  const born = clone.pidNamespace === '' ? '' : `, in the PID namespace ${clone.pidNamespace}`;
  return [
    { phase: 'group', operation: 'mkdir', text: `make the cgroup ${cgroup.path}` },
    ...cgroup.writes.map(
      ({ file, value }): Step => ({ phase: 'group', operation: file, text: `set ${file} to ${value}` }),
    ),
    {
      phase: 'clone',
      operation: 'clone3',
      text: `clone3 into the cgroup with new namespaces: ${clone.names.join(', ') || 'none'}${born}`,
    },
    ...boot.map(({ name, text }): Step => ({ phase: 'boot', operation: name, text })),
  ];
}

/** Says in a line how a container will end: the part of a spec that no step shows. */
export function describeEnd({ lifetimeUsec, jitterUsec, stopSignal, stopTimeoutUsec }: Spec): string {
  const stop = `${stopSignal}, and cgroup.kill after ${formatDuration(stopTimeoutUsec)}`;
  if (lifetimeUsec === null) return `no lifetime; a stop is ${stop}`;
  const jitter = jitterUsec > 0 ? ` less up to ${formatDuration(jitterUsec)}` : '';
  return `ends ${formatDuration(lifetimeUsec)}${jitter} after its start: ${stop}`;
}

function bootOps(spec: Spec, stage: string): Op[] {
  const { process, namespaces, rlimits, capabilities } = spec;
  const mask = capabilityMask(capabilities);
  return [
    ...(spec.oomScoreAdj === null ? [] : [write('/proc/self/oom_score_adj', String(spec.oomScoreAdj))]),
    ...namespaceOps(spec),
    ...(spec.hostname === null ? [] : [hostname(spec.hostname)]),
    ...(namespaces.network === 'new' ? [linkUp('lo')] : []),
    ...rootOps(spec, stage),
    setsid(),
    ...rlimits.map(({ name, soft, hard }) => rlimit(name, soft, hard)),
    capbset(mask, capabilities),
    user(process.uid, process.gid),
    capset(mask),
    noNewPrivs(),
    chdir(process.cwd),
    umask(process.umask),
    wait(),
    ...(spec.init ? [init()] : []),
    exec(process.args, process.env),
  ];
}
