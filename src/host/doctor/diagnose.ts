import type { Check } from '../../protocol/host.js';
import { CONTROLLERS } from '../cgroup.js';
import {
  checkCgroupMount,
  checkController,
  checkGroupFile,
  checkGroupPressure,
  checkSwapAccounting,
} from './cgroup.js';
import type { HostFacts } from './facts.js';
import {
  checkDeviceFilter,
  checkFilesystems,
  checkIdMappedMounts,
  checkKernel,
  checkMemfd,
  checkOverlay,
  checkPressure,
  checkSeccomp,
} from './kernel.js';
import { checkLimit, checkOpenFiles, checkProcesses } from './limits.js';
import { checkNamespace, checkUserNamespaceGates } from './namespaces.js';
import { LIMITS, NAMESPACES } from './needs.js';
import { checkConnectionCount, checkNameServers, checkPacketQueue } from './network.js';
import { checkResourceCapability, checkRoot } from './rights.js';

/**
 * Judges by the facts of a host whether niwad can run, what its users cannot use, and which limits 1,000 containers
 * would reach. Pure.
 */
export function diagnose(facts: HostFacts): Check[] {
  return [
    checkKernel(facts),
    checkRoot(facts),
    checkResourceCapability(facts),
    checkMemfd(facts),
    checkFilesystems(facts),
    checkOverlay(facts),
    ...NAMESPACES.map((namespace) => checkNamespace(namespace, facts)),
    checkUserNamespaceGates(facts),
    checkIdMappedMounts(facts),
    checkSeccomp(facts),
    checkDeviceFilter(facts),
    checkCgroupMount(facts),
    ...CONTROLLERS.map((name) => checkController(name, facts)),
    checkGroupFile('cgroup.kill', [5, 14], 'Ends all processes of a container at once.', facts),
    checkGroupFile('cgroup.freeze', [5, 2], 'Pauses a container.', facts),
    checkSwapAccounting(facts),
    checkPressure(facts),
    checkGroupPressure(facts),
    checkOpenFiles(facts),
    checkProcesses(facts),
    checkNameServers(facts),
    checkConnectionCount(facts),
    checkPacketQueue(facts),
    ...LIMITS.map((limit) => checkLimit(limit, facts)),
  ];
}

/** Says whether niwad can run on the host of these checks, as the user who ran them. */
export function canRun(checks: readonly Check[]): boolean {
  return checks.every(({ required, status }) => !(required && status === 'missing'));
}
