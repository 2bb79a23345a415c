import { realpathSync } from 'node:fs';
import { mapPrograms } from '../spec/hooks.js';
import { refuse } from '../spec/problems.js';
import { type BindMount, type Idmap, keptOverHost, type Overlay, type Root, type Spec } from '../spec/spec.js';
import { canIdmap, imageCanIdmap } from './filesystems.js';

const PRIVATE_TMPFS: Overlay = { sizeBytes: null, directory: null };

/**
 * Gives a spec with the real paths of its root, of its bind sources and of the programs of its hooks. The boot helper follows no link on the way to them,
 * so that what was checked here is what is mounted. A path that does not exist stays: the start will say so. The host's own root,
 * by whatever path, is shown only under an overlay. What cannot be id-mapped is shown as it is: its files belong to nobody in
 * the container, which reads and writes what everybody may.
 * @throws NiwaError SPEC_INVALID where what is written over the host's own root should be kept
 */
export function resolveSources(spec: Spec): Spec {
  return {
    ...spec,
    root: resolveRoot(spec.root),
    mounts: spec.mounts.map((mount) => (mount.type === 'bind' ? resolveBind(mount) : mount)),
    devices: spec.devices.map(realPath),
    hooks: mapPrograms(spec.hooks, (program) => ({ ...program, file: realPath(program.file) })),
  };
}

function resolveRoot(root: Root): Root {
  const path = root.path === null ? null : realPath(root.path);
  const file = root.file === null ? null : realPath(root.file);
  const layers = root.layers.map((layer) => (layer === root.path && path !== null ? path : realPath(layer)));
  const mappable = file === null ? layers.every(canIdmap) : imageCanIdmap(file);
  const idmap = path !== '/' && resolveIdmap(root.idmap, mappable);
  return { ...root, path, file, layers, overlay: resolveOverlay(root.overlay, path), idmap };
}

function resolveOverlay(overlay: Overlay | null, path: string | null): Overlay | null {
  if (overlay === null || overlay.directory === null) return overlay ?? (path === '/' ? PRIVATE_TMPFS : null);
  if (path === '/') refuse('the spec', [keptOverHost(overlay.directory)]);
  return { ...overlay, directory: realPath(overlay.directory) };
}

function resolveBind(mount: BindMount): BindMount {
  const source = realPath(mount.source);
  if (typeof mount.idmap === 'object') return { ...mount, source };
  return { ...mount, source, idmap: resolveIdmap(mount.idmap, canIdmap(source)) };
}

function resolveIdmap(idmap: Idmap, mappable: boolean): Idmap {
  return idmap === 'auto' ? mappable || 'unsupported' : idmap;
}

function realPath(path: string): string {
  try {
    return realpathSync.native(path);
  } catch {
    return path;
  }
}
