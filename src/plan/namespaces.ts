import type { NamespaceName, Spec } from '../protocol/resolved-spec.js';
import type { Op } from './op.js';
import { enter, setns, unshare } from './ops.js';

/** The CLONE_NEW* bits of clone(2). */
const FLAGS: Record<NamespaceName, number> = {
  mount: 0x00020000,
  cgroup: 0x02000000,
  uts: 0x04000000,
  ipc: 0x08000000,
  pid: 0x20000000,
  network: 0x40000000,
};

/** The namespaces of a process from its clone3 on: the flags, their names, and the namespaces to join before. */
export interface CloneNamespaces {
  flags: number;
  names: NamespaceName[];
  pidNamespace: string;
  /** The container whose network namespace it shares, or "". */
  networkOf: string;
}

/**
 * Gives the namespaces that clone3 makes. The boot program makes the cgroup namespace later: made by clone3, its root would be the group
 * of the parent. It also joins the existing namespaces, but for the PID namespace, which a process gets only by its clone.
 */
export function cloneNamespaces({ namespaces }: Spec): CloneNamespaces {
  const names = (Object.keys(FLAGS) as NamespaceName[]).filter(
    (name) => name !== 'cgroup' && namespaces[name] === 'new',
  );
  const flags = names.reduce((sum, name) => sum + FLAGS[name], 0);
  return {
    flags,
    names,
    pidNamespace: isPath(namespaces.pid) ? namespaces.pid : '',
    networkOf: networkOf(namespaces.network),
  };
}

/** Joins and makes the other namespaces in the boot program. The mount namespace is the last, since the paths of the others are paths of
 * the host. */
export function namespaceOps({ namespaces }: Spec): Op[] {
  const order: NamespaceName[] = ['network', 'ipc', 'uts', 'cgroup', 'mount'];
  const joined = order.filter((name) => isPath(namespaces[name]));
  const ops = joined.map((name) => setns(name, FLAGS[name], namespaces[name]));
  return namespaces.cgroup === 'new' ? [unshare('cgroup', FLAGS.cgroup), ...ops] : ops;
}

/**
 * Enters the namespaces of a running container by one call. The PID namespace is left out, since a process gets it only by its clone; the
 * user namespace is joined later, as the last.
 */
export function enterNamespaces(): Op {
  const names: NamespaceName[] = ['mount', 'cgroup', 'uts', 'ipc', 'network'];
  return enter(
    names,
    names.reduce((sum, name) => sum + FLAGS[name], 0),
  );
}

function isPath(namespace: string): boolean {
  return namespace.startsWith('/');
}

function networkOf(namespace: string): string {
  return namespace.startsWith('container:') ? namespace.slice('container:'.length) : '';
}
