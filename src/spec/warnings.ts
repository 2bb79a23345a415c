import type { Spec } from './spec.js';

/** Says what a container will not have as its user may expect, although nothing forbids its start. */
export function warningsOf({ root, mounts }: Spec): string[] {
  return [
    ...(root.idmap === 'unsupported' ? [unmapped('root', root.path ?? root.file ?? 'its layers')] : []),
    ...mounts.flatMap((mount, i) =>
      mount.type === 'bind' && mount.idmap === 'unsupported' ? [unmapped(`mounts[${i}]`, mount.source)] : [],
    ),
  ];
}

function unmapped(field: string, source: string): string {
  return `${field}: the file system of ${source} cannot be id-mapped by this kernel: its files belong to nobody in the container, which reads and writes what everybody may`;
}
