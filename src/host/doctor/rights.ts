import type { Check } from '../../protocol/host.js';
import { resolveCapabilities } from '../../spec/capabilities.js';
import type { HostFacts } from './facts.js';
import { OWN_CAPABILITIES } from './needs.js';
import { hasCapability, missing, ok, optional, required, warning } from './verdict.js';

/** Checks whether this process has the rights that niwad needs. */
export function checkRoot({ uid, effectiveCapabilities, initialUserNamespace }: HostFacts): Check {
  const needed = [...new Set([...OWN_CAPABILITIES, ...resolveCapabilities()])];
  const lacking = needed.filter((name) => !hasCapability(effectiveCapabilities, name));
  const verdict = () => {
    if (!initialUserNamespace)
      return missing(`uid ${uid} in a user namespace`, 'Run niwad on the host itself, or in a privileged container.');
    if (lacking.length === 0) return ok(`uid ${uid}`);
    return missing(
      `uid ${uid} without ${lacking.map((name) => `CAP_${name}`).join(', ')}`,
      uid === 0
        ? 'Give niwad these capabilities; CapabilityBoundingSet= of its unit, or the container around it, takes them away.'
        : 'Run niwad as root; `sudo niwa doctor` shows what root finds.',
    );
  };
  return required(
    'root',
    'niwad makes namespaces, mounts and devices, and gives workloads their capabilities.',
    verdict(),
  );
}

/** Checks whether niwad may give a workload limits above its own. */
export function checkResourceCapability({ effectiveCapabilities }: HostFacts): Check {
  return optional(
    'CAP_SYS_RESOURCE',
    'Raises hard limits and lowers oom_score_adj; without it a spec that asks for more than niwad itself has fails to start.',
    hasCapability(effectiveCapabilities, 'SYS_RESOURCE')
      ? ok('yes')
      : warning('no', 'Run niwad as root with all capabilities; add it to CapabilityBoundingSet= of its unit.'),
  );
}
