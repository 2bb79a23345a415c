import type { Check } from '../../protocol/host.js';
import type { HostFacts } from './facts.js';
import { DENSE_CONTAINERS, type NamespaceNeed, namespaceSysctl, USER_NAMESPACE_GATES } from './needs.js';
import { missing, ok, optional, required, sysctlCure, warning } from './verdict.js';

/** Checks whether the kernel has a kind of namespaces, and allows enough of them. */
export function checkNamespace(
  { name, required: needed, each = true, config, meaning }: NamespaceNeed,
  facts: HostFacts,
): Check {
  const sysctl = namespaceSysctl(name);
  const most = facts.sysctls[sysctl] ?? null;
  const enough = each ? 2 * DENSE_CONTAINERS : 1;
  const bad = needed ? missing : warning;
  const verdict = () => {
    if (!facts.namespaces.includes(name)) return bad('not in this kernel', `Run a kernel with ${config}.`);
    if (most === null) return ok('yes');
    if (most === '0') return bad(`${sysctl} is 0`, sysctlCure(sysctl, 65_536));
    return Number(most) < enough ? warning(`at most ${most}`, sysctlCure(sysctl, 65_536)) : ok(`at most ${most}`);
  };
  return (needed ? required : optional)(`namespace ${name}`, meaning, verdict());
}

/** Checks whether users without privileges may make user namespaces. */
export function checkUserNamespaceGates({ sysctls }: HostFacts): Check {
  const closed = Object.entries(USER_NAMESPACE_GATES).filter(([name, open]) => (sysctls[name] ?? open) !== open);
  return optional(
    'unprivileged user namespaces',
    'Let a workload without privileges and with seccomp "unconfined" sandbox itself, such as a browser; niwad does not need them.',
    closed.length === 0
      ? ok('allowed')
      : warning(
          closed.map(([name]) => `${name} is ${sysctls[name]}`).join(', '),
          `Only where workloads need them: ${closed.map(([name, open]) => sysctlCure(name, Number(open))).join(' ')}`,
        ),
  );
}
