import type { OciConfig } from '../plan/oci/config.js';
import { profileOf } from '../plan/oci/process.js';
import { capabilitiesOf } from '../plan/oci/resources.js';
import type { OciOrigin } from '../protocol/resolved-oci.js';
import type { Spec } from '../protocol/resolved-spec.js';
import { parseSpec } from '../spec/spec.js';

/** The annotations that have an effect, and the field of a niwa spec that each sets. */
const ANNOTATIONS: Record<string, 'lifetime' | 'jitter' | 'stopSignal'> = {
  'dev.niwa.lifetime': 'lifetime',
  'dev.niwa.jitter': 'jitter',
  'dev.niwa.stop-signal': 'stopSignal',
};

/**
 * Gives the spec that niwad shows of an OCI container, and by which it is billed and ended. Its plan is made from the
 * config itself. Pure.
 * @throws NiwaError SPEC_INVALID for an annotation with a wrong value
 */
export function specOf(id: string, config: OciConfig, origin: OciOrigin): Spec {
  const { process, root, hostname, linux = {} } = config;
  const annotated = Object.entries(ANNOTATIONS).flatMap(([name, field]) => {
    const value = origin.annotations[name];
    return value === undefined ? [] : [[field, value] as const];
  });
  const base = parseSpec({ process: { args: ['/'] }, userns: 'host', ...Object.fromEntries(annotated) }, id);
  const { uid, gid, umask = 0o022 } = process.user;
  const cgroup = linux.namespaces?.some(({ type }) => type === 'cgroup') ? base.namespaces.cgroup : 'host';
  return {
    ...base,
    process: {
      ...base.process,
      ...{ args: process.args, env: environmentOf(process.env ?? []), cwd: process.cwd, user: null, uid, gid, umask },
      account: { name: '', groups: false },
      tty: false,
    },
    root: {
      ...base.root,
      path: origin.rootfs,
      layers: [origin.rootfs],
      readonly: root.readonly ?? false,
      overlay: null,
      idmap: false,
    },
    hostname: hostname ?? null,
    namespaces: { ...base.namespaces, cgroup },
    network: null,
    capabilities: capabilitiesOf('process.capabilities.bounding', process.capabilities?.bounding),
    seccomp: linux.seccomp === undefined ? 'unconfined' : profileOf(linux.seccomp),
    oomScoreAdj: process.oomScoreAdj ?? null,
    service: null,
    oci: origin,
  };
}

function environmentOf(entries: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    entries.map((entry) => {
      const at = entry.indexOf('=');
      return at < 0 ? [entry, ''] : [entry.slice(0, at), entry.slice(at + 1)];
    }),
  );
}
