import type { NamespaceName, Spec } from '../protocol/resolved-spec.js';
import type { Op } from './op.js';
import { enter, setns, unshare } from './ops.js';

/** The bits CLONE_NEW* of clone(2). */
export const NAMESPACE_FLAGS: Record<NamespaceName, number> = {
  mount: 0x00020000,
  cgroup: 0x02000000,
  uts: 0x04000000,
  ipc: 0x08000000,
  pid: 0x20000000,
  network: 0x40000000,
};

/** The namespaces that the first process of a container has as soon as clone3 has made it. */
export interface CloneNamespaces {
  flags: number;
  names: NamespaceName[];
  pidNamespace: string;
  /** The id of the container whose network namespace it shares; "" for none. */
  networkOf: string;
}

/**
 * Gives the namespaces that clone3 makes or that are joined for it. The boot program makes the cgroup namespace later:
 * if clone3 made it, the group of the parent would be its root. The boot program also joins existing namespaces. The
 * PID namespace is an exception: a process can have another one only from its clone on.
 */
export function cloneNamespaces({ namespaces }: Spec): CloneNamespaces {
  const names = (Object.keys(NAMESPACE_FLAGS) as NamespaceName[]).filter(
    (name) => name !== 'cgroup' && namespaces[name] === 'new',
  );
  const flags = names.reduce((sum, name) => sum + NAMESPACE_FLAGS[name], 0);
  return {
    flags,
    names,
    pidNamespace: isPath(namespaces.pid) ? namespaces.pid : '',
    networkOf: networkOf(namespaces.network),
  };
}

/**
 * Gives the operations that join and make the other namespaces. The mount namespace is joined last: after that, paths
 * are no longer those of the host, and the other namespaces could not be found.
 */
export function namespaceOps({ namespaces }: Spec): Op[] {
  const order: NamespaceName[] = ['network', 'ipc', 'uts', 'cgroup', 'mount'];
  const joined = order.filter((name) => isPath(namespaces[name]));
  const ops = joined.map((name) => setns(name, NAMESPACE_FLAGS[name], namespaces[name]));
  return namespaces.cgroup === 'new' ? [unshare('cgroup', NAMESPACE_FLAGS.cgroup), ...ops] : ops;
}

/**
 * Gives the operation that enters the namespaces of a running container, all in one call. The user namespace is left
 * out; it is joined later, as the last one.
 * @param ownsMounts whether the container has a mount namespace of its own; in another one its root may be a directory
 * @param also `pid` for a process that is not yet in the PID namespace of the container: its children will be
 */
export function enterNamespaces(ownsMounts: boolean, ...also: 'pid'[]): Op {
  const names: NamespaceName[] = ['mount', 'cgroup', 'uts', 'ipc', 'network', ...also];
  const flags = names.reduce((sum, name) => sum + NAMESPACE_FLAGS[name], 0);
  return enter(names, flags, !ownsMounts);
}

/**
 * Says whether niwad may hold the mount namespace over the exit, so that the exit does not wait for the end of the
 * mounts. Three kinds may take long or hang, and are left to the container's own process: an overlay that keeps its
 * writes syncs their disk, an image reads a file that a user names, and a container with SYS_ADMIN can mount file
 * systems of programs (FUSE) and of the network.
 */
export function holdsMounts({ namespaces, capabilities, root: { file, overlay } }: Spec): boolean {
  const mayMount = capabilities.includes('SYS_ADMIN');
  return namespaces.mount === 'new' && !mayMount && file === null && (overlay === null || overlay.directory === null);
}

function isPath(namespace: string): boolean {
  return namespace.startsWith('/');
}

function networkOf(namespace: string): string {
  return namespace.startsWith('container:') ? namespace.slice('container:'.length) : '';
}
