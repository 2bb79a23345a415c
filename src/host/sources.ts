import { realpathSync } from 'node:fs';
import type { Spec } from '../spec/spec.js';

/**
 * Gives a spec with the real paths of its root and of its bind sources. The boot helper follows no link on the way to them,
 * so that what was checked here is what is mounted. A path that does not exist stays: the start will say so. The host's own root,
 * by whatever path, is shown only under an overlay.
 */
export function resolveSources(spec: Spec): Spec {
  const path = realPath(spec.root.path);
  const overlay = spec.root.overlay ?? (path === '/' ? { sizeBytes: null } : null);
  return {
    ...spec,
    root: { ...spec.root, path, overlay },
    mounts: spec.mounts.map((mount) => (mount.type === 'bind' ? { ...mount, source: realPath(mount.source) } : mount)),
    devices: spec.devices.map(realPath),
  };
}

function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return path;
  }
}
