import { realpathSync } from 'node:fs';
import type { BindMount, Idmap, Spec } from '../spec/spec.js';
import { canIdmap } from './filesystems.js';

/**
 * Gives a spec with the real paths of its root and of its bind sources. The boot helper follows no link on the way to them,
 * so that what was checked here is what is mounted. A path that does not exist stays: the start will say so. The host's own root,
 * by whatever path, is shown only under an overlay. What cannot be id-mapped is shown as it is: its files belong to nobody in
 * the container, which reads and writes what everybody may.
 */
export function resolveSources(spec: Spec): Spec {
  const path = spec.root.path === null ? null : realPath(spec.root.path);
  const layers = spec.root.layers.map(realPath);
  const overlay = spec.root.overlay ?? (path === '/' ? { sizeBytes: null } : null);
  return {
    ...spec,
    root: {
      ...spec.root,
      path,
      layers,
      overlay,
      idmap: path !== '/' && layers.every((layer) => resolveIdmap(spec.root.idmap, layer)),
    },
    mounts: spec.mounts.map((mount) => (mount.type === 'bind' ? resolveBind(mount) : mount)),
    devices: spec.devices.map(realPath),
  };
}

function resolveBind(mount: BindMount): BindMount {
  const source = realPath(mount.source);
  return { ...mount, source, idmap: resolveIdmap(mount.idmap, source) };
}

function resolveIdmap(idmap: Idmap, path: string): boolean {
  return idmap === 'auto' ? canIdmap(path) : idmap;
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
