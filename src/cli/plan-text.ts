import { totalmem } from 'node:os';
import { resolve } from 'node:path';
import { lookAtCgroupTree } from '../host/cgroup.js';
import { deviceNumbers } from '../host/devices.js';
import { isOomProtected } from '../host/oom.js';
import { openFilesLimit } from '../host/open-files.js';
import { compileSeccomp } from '../host/seccomp.js';
import { resolveSources } from '../host/sources.js';
import { kernel } from '../kernel/addon.js';
import { hasIpv6, resolveDns } from '../network/host.js';
import { examplePlan } from '../network/networks.js';
import { DEFAULT_ID_POOL, DEFAULT_NETWORK } from '../paths.js';
import { describeEnd, makePlan, type Plan, planSteps, type Step } from '../plan/plan.js';
import type { Spec } from '../protocol/resolved-spec.js';
import type { SpecInput } from '../protocol/spec.js';
import { DEFAULT_BOUNDS, resolveBounds, withDefaults } from '../spec/ceilings.js';
import { IDS_PER_CONTAINER } from '../spec/ids.js';
import { parseSpec } from '../spec/spec.js';
import { warningsOf } from '../spec/warnings.js';

/** A spec, what it is compiled to, the steps of that, and what a container of it would not have as its user may expect. */
export interface Planned {
  spec: Spec;
  plan: Plan;
  steps: Step[];
  warnings: string[];
}

/** Plans a spec with what this host has. @throws NiwaError SPEC_INVALID, HOST_UNSUPPORTED, PATH_TIMEOUT, HOST_ERROR */
export async function planHere(input: SpecInput, cgroup: string, runDir: string): Promise<Planned> {
  const { containers, controllers } = lookAtCgroupTree(cgroup);
  const bounds = resolveBounds(DEFAULT_BOUNDS, totalmem());
  const bounded = withDefaults(parseSpec(input, 'ID'), bounds, controllers.available);
  const spec = resolveDns(await resolveSources(bounded, 'user 0'), hasIpv6());
  const stage = resolve(runDir, 'stage');
  const plan = makePlan(spec, {
    containersCgroup: containers,
    controllers,
    stage,
    ...(await deviceNumbers(spec, 'user 0')),
    filtersDevices: kernel.host.canFilterDevices(),
    idRange: { start: DEFAULT_ID_POOL.start, size: IDS_PER_CONTAINER },
    oomProtected: isOomProtected(),
    placeBytes: bounds.tmpfsBytes,
    openFiles: openFilesLimit(),
    network: examplePlan(spec, DEFAULT_NETWORK, resolve(runDir, 'containers', spec.id)),
    compileSeccomp,
  });
  return { spec, plan, steps: planSteps(plan), warnings: warningsOf(spec) };
}

/** Writes the steps as numbered lines, and how the container will end. */
export function planText({ spec, steps }: Planned): string {
  const lines = steps.map(({ phase, text }, i) => `${String(i + 1).padStart(3)}  ${phase.padEnd(7)}  ${text}`);
  return [...lines, `     end      ${describeEnd(spec)}`].join('\n');
}
