import type { FieldProblem } from '../protocol/errors.js';
import type { SpecInput } from '../protocol/spec.js';
import { show } from './problems.js';

/** The settings of sysctl(8) that a spec may have: those that belong to a namespace of the container. Pure. */

type Namespace = 'network' | 'ipc' | 'uts';

/** See ipc_namespaces(7) and uts_namespaces(7). */
const IPC = [
  'kernel.msgmax',
  'kernel.msgmnb',
  'kernel.msgmni',
  'kernel.sem',
  'kernel.shmall',
  'kernel.shmmax',
  'kernel.shmmni',
  'kernel.shm_rmid_forced',
  'fs.mqueue.queues_max',
  'fs.mqueue.msg_max',
  'fs.mqueue.msgsize_max',
  'fs.mqueue.msg_default',
  'fs.mqueue.msgsize_default',
];

/**
 * The settings that every caller may change: they act on the sockets of the container alone, or give no more than the
 * memory that counts for it. Kubernetes calls the same ones safe (its documentation, "Using sysctls").
 */
const HARMLESS = new Set([
  'kernel.domainname',
  'kernel.shm_rmid_forced',
  'net.core.somaxconn',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_syncookies',
]);

const KNOWN = 'net.*, kernel.msg*, kernel.sem, kernel.shm*, fs.mqueue.* or kernel.domainname: a setting of a namespace';

/** Says whether a caller other than root may change a setting without `allow.privileged`. */
export function isHarmless(name: string): boolean {
  return HARMLESS.has(name);
}

/** Gives the path of a setting below /proc/sys. @param name one that {@link sysctlProblems} lets pass */
export function sysctlPath(name: string): string {
  return name.replaceAll('.', '/');
}

/** Finds settings that belong to no namespace of the container: they would change the host, or another container. */
export function* sysctlProblems({ sysctls = {}, namespaces = {} }: SpecInput): Iterable<FieldProblem> {
  if (Object.keys(sysctls).length > MOST)
    yield { path: 'sysctls', found: `${Object.keys(sysctls).length} settings`, allowed: `at most ${MOST}` };
  for (const name of Object.keys(sysctls)) {
    const path = `sysctls.${name}`;
    const namespace = namespaceOf(name);
    if (namespace === null) yield { path, found: show(name), allowed: KNOWN };
    else if ((namespaces[namespace] ?? 'new') !== 'new')
      yield {
        path,
        found: show(name),
        allowed: `nothing, or namespaces.${namespace} "new": the namespace of others is taken as it is`,
      };
    else if (/^net[.].*[.]eth0([.]|$)/.test(name))
      yield { path, found: show(name), allowed: '"default" in place of eth0, which is made later and has its values' };
  }
}

/** The most settings of one spec. */
const MOST = 100;

/** Gives the namespace to which a setting belongs; null for a setting of the whole host. */
export function namespaceOf(name: string): Namespace | null {
  if (name.startsWith('net.')) return 'network';
  if (name === 'kernel.domainname') return 'uts';
  return IPC.includes(name) ? 'ipc' : null;
}
