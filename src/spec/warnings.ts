import type { Spec } from '../protocol/resolved-spec.js';

/** Gives warnings: what a container will not have although its user may expect it, and although its start succeeds. */
export function warningsOf({ root, mounts, network }: Spec): string[] {
  return [
    ...(root.idmap === 'unsupported' ? [unmapped('root', root.path ?? root.file ?? 'its layers')] : []),
    ...mounts.flatMap((mount, i) =>
      mount.type === 'bind' && mount.idmap === 'unsupported' ? [unmapped(`mounts[${i}]`, mount.source)] : [],
    ),
    ...(network?.dns.servers?.length === 0 ? [NO_NAME_SERVERS] : []),
  ];
}

const NO_NAME_SERVERS =
  'network.dns.servers: there are none; the host names none that a container reaches (its loopback is not theirs). It finds only the names of its /etc/hosts: say here which to ask';

function unmapped(field: string, source: string): string {
  return `${field}: the file system of ${source} cannot be id-mapped by this kernel: its files belong to nobody in the container, which reads and writes what everybody may`;
}
