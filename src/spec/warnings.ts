import type { Spec } from '../protocol/resolved-spec.js';

/** Says what a container will not have as its user may expect, although nothing forbids its start. */
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
