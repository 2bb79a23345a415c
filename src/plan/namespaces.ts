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

/** The namespaces that a process is born into: the flags for clone3, their names, and what to join first. */
export interface CloneNamespaces {
  flags: number;
  names: NamespaceName[];
  pidNamespace: string;
  /** The container whose network namespace it shares, or "". */
  networkOf: string;
}

/**
 * Gives what clone3 makes. A new cgroup namespace is not among it: the kernel would root it at the parent's group. Nor are
 * joined ones, but for PID: a process can only be born into that.
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

/** Joins and makes the rest, from inside. The mount namespace is joined last: the others are named by host paths. */
export function namespaceOps({ namespaces }: Spec): Op[] {
  const order: NamespaceName[] = ['network', 'ipc', 'uts', 'cgroup', 'mount'];
  const joined = order.filter((name) => isPath(namespaces[name]));
  const ops = joined.map((name) => setns(name, FLAGS[name], namespaces[name]));
  return namespaces.cgroup === 'new' ? [unshare('cgroup', FLAGS.cgroup), ...ops] : ops;
}

/**
 * Enters the namespaces of a container that runs, all at once. The PID namespace is not among them: a process is born into it;
 * nor is the user namespace, which comes when the rest is done.
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
