import type { BindMount, Idmap, Overlay, Root, Spec } from '../protocol/resolved-spec.js';
import { mapPrograms } from '../spec/hooks.js';
import { invalid } from '../spec/problems.js';
import { keptOverHost } from '../spec/root.js';
import { canIdmap, canIdmapImage } from './filesystems.js';
import { type Asker, type Errand, type Found, reach } from './reach.js';

const PRIVATE_TMPFS: Overlay = { sizeBytes: null, directory: null };

/** What reach() found at a path. */
type See = (what: 'real' | 'source' | 'image', path: string) => Found;

/**
 * Gives a spec with the real paths of its root, of its bind sources and of the programs of its hooks. The boot helper follows no link on the way to them,
 * so that what was checked here is what is mounted. Of a path that does not exist, links are followed as far as there are any: the start will say so.
 * The host's own root, by whatever path, is shown only under an overlay. What cannot be id-mapped is shown as it is: its files belong to
 * nobody in the container, which reads and writes what everybody may. A spec that names no path of the host takes no time.
 * @param spec of whose paths the caller may name each, see requirePermission()
 * @param fence the directories below which all of them are, where links that lead out of these are not to be followed
 * @throws NiwaError SPEC_INVALID where what is written over the host's own root should be kept; what reach() throws
 */
export async function resolveSources(spec: Spec, asker: Asker, fence: readonly string[] = []): Promise<Spec> {
  const errands = [...errandsOf(spec, fence)];
  const found = await reach(asker, errands);
  const see: See = (what, path) => found[errands.findIndex((one) => one[0] === what && one[1] === path)] as Found;
  return {
    ...spec,
    root: resolveRoot(spec.root, see),
    mounts: spec.mounts.map((mount) => (mount.type === 'bind' ? resolveBind(mount, see) : mount)),
    devices: spec.devices.map((path) => realPath(path, see)),
    hooks: mapPrograms(spec.hooks, (program) => ({ ...program, file: realPath(program.file, see) })),
  };
}

/** Gives the real paths of some. @throws what reach() throws */
export async function realPaths(paths: readonly string[], asker: Asker): Promise<string[]> {
  const found = await reach(
    asker,
    paths.map((path): Errand => ['real', path]),
  );
  return found.map(({ body }) => body.toString());
}

/** All that the start will touch. Namespaces stay as they are written: their real paths are no paths. */
function* errandsOf({ root, mounts, devices, hooks, namespaces }: Spec, fence: readonly string[]): Iterable<Errand> {
  if (root.path !== null && root.path !== '/') yield ['source', root.path, ...fence];
  if (root.file !== null) yield ['image', root.file, ...fence];
  if (root.overlay !== null && root.overlay.directory !== null) yield ['real', root.overlay.directory, ...fence];
  for (const mount of mounts) if (mount.type === 'bind') yield ['source', mount.source, ...fence];
  for (const device of devices) yield ['real', device];
  for (const list of Object.values(hooks)) for (const { file } of list) yield ['real', file, ...fence];
  for (const value of Object.values(namespaces)) if (value.startsWith('/')) yield ['real', value];
}

function resolveRoot(root: Root, see: See): Root {
  if (root.path !== null && root.path !== '/') {
    const { path, mappable } = sourceAt(root.path, see);
    const overlay = resolveOverlay(root.overlay, path, see);
    return { ...root, path, layers: [path], overlay, idmap: path !== '/' && resolveIdmap(root.idmap, mappable) };
  }
  const overlay = resolveOverlay(root.overlay, root.path, see);
  if (root.file !== null) {
    const [type = '', file = root.file] = see('image', root.file).body.toString().split('\0');
    return { ...root, file, overlay, idmap: resolveIdmap(root.idmap, canIdmapImage(type)) };
  }
  return { ...root, overlay, idmap: root.path !== '/' && resolveIdmap(root.idmap, root.layers.every(canIdmap)) };
}

function resolveOverlay(overlay: Overlay | null, path: string | null, see: See): Overlay | null {
  if (overlay === null || overlay.directory === null) return overlay ?? (path === '/' ? PRIVATE_TMPFS : null);
  if (path === '/') throw invalid('the spec', [keptOverHost(overlay.directory)]);
  return { ...overlay, directory: realPath(overlay.directory, see) };
}

function resolveBind(mount: BindMount, see: See): BindMount {
  const { path: source, mappable } = sourceAt(mount.source, see);
  return {
    ...mount,
    source,
    idmap: typeof mount.idmap === 'object' ? mount.idmap : resolveIdmap(mount.idmap, mappable),
  };
}

function resolveIdmap(idmap: Idmap, mappable: boolean): Idmap {
  return idmap === 'auto' ? mappable || 'unsupported' : idmap;
}

function sourceAt(given: string, see: See): { path: string; mappable: boolean } {
  const text = see('source', given).body.toString();
  return { path: text.slice(1), mappable: text.startsWith('1') };
}

function realPath(path: string, see: See): string {
  return see('real', path).body.toString();
}
