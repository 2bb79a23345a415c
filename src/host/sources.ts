import { constants } from 'node:os';
import type { BindMount, Idmap, Overlay, Root, Spec } from '../protocol/resolved-spec.js';
import { mapPrograms } from '../spec/hooks.js';
import { invalid } from '../spec/problems.js';
import { keptOverHost } from '../spec/root.js';
import { type Errand, type Found, readSource } from './errands.js';
import { canIdmap, canIdmapImage } from './filesystems.js';
import { type Asker, reach } from './reach.js';

const PRIVATE_TMPFS: Overlay = { sizeBytes: null, directory: null };

/** Gives what reach() found at a path. */
type See = (what: 'real' | 'source' | 'image', path: string) => Found;

/**
 * Gives the spec with the real paths of its root, its bind sources, its devices and the programs of its hooks: symbolic
 * links are resolved. The boot helper follows no link on the way to these paths, so the paths that were checked are the
 * paths that are mounted. Where a path does not exist, its links are resolved as far as it does; the start then fails,
 * and names the path. The host's own root may only be shown under an overlay, also where the spec names it by another
 * path. A file system that cannot be id-mapped is mounted without: in the container its files have the owner nobody,
 * and the container may do with them what every user may.
 * @param spec the caller has to have permission for each of its paths, see requirePermission()
 * @param fence directories that contain all these paths; links that lead out of them are not followed
 * @throws NiwaError SPEC_INVALID where a kept overlay is over the host's own root; what reach() throws
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

/**
 * Gives the paths of the root and of the bind mounts that do not exist, each with the field that names it.
 * @param spec with the real paths of {@link resolveSources}, and the same fence
 * @throws what reach() throws
 */
export async function missingSources(
  { root, mounts }: Pick<Spec, 'root' | 'mounts'>,
  asker: Asker,
  fence: readonly string[] = [],
): Promise<{ field: string; path: string }[]> {
  const named = [
    { field: 'root.path', path: root.path },
    { field: 'root.file', path: root.file },
    ...mounts.map((mount, i) => ({
      field: `mounts[${i}].source`,
      path: mount.type === 'bind' && mount.volume === undefined ? mount.source : null,
    })),
  ].flatMap(({ field, path }) => (path === null || path === '/' ? [] : [{ field, path }]));
  const found = await reach(
    asker,
    named.map(({ path }): Errand => ['real', path, ...fence]),
  );
  return named.filter((_, i) => found[i]?.errno === constants.errno.ENOENT);
}

/**
 * Says which files are mounted for a spec: the file system and the inode behind its root,
 * the directory of its overlay, each bind source and each namespace. Another
 * file under the same path gives another text.
 * @param spec with the real paths of {@link resolveSources}
 * @throws what reach() throws
 */
export async function identityOfSources(
  { root, mounts, namespaces }: Pick<Spec, 'root' | 'mounts' | 'namespaces'>,
  asker: Asker,
): Promise<string> {
  const named = [root.path === '/' ? null : root.path, root.file, root.overlay?.directory ?? null];
  const ofRoot = named.filter((path) => path !== null);
  const ofMounts = mounts.flatMap((mount) => (mount.type === 'bind' ? mount.source : []));
  const ofNamespaces = Object.values(namespaces).filter((value) => value.startsWith('/'));
  const paths = [...ofRoot, ...ofMounts, ...ofNamespaces];
  const found = await reach(
    asker,
    paths.map((path): Errand => ['identity', path]),
  );
  return found.map(({ errno, body }) => `${errno} ${body.toString()}`).join('\n');
}

/** Gives the real path of each of the paths. @throws what reach() throws */
export async function realPaths(paths: readonly string[], asker: Asker): Promise<string[]> {
  const found = await reach(
    asker,
    paths.map((path): Errand => ['real', path]),
  );
  return found.map(({ body }) => body.toString());
}

/**
 * Gives an errand for each path that the start will use. Paths of namespaces are left out: the target of such a link is
 * no path.
 */
function* errandsOf({ root, mounts, devices, hooks, namespaces }: Spec, fence: readonly string[]): Iterable<Errand> {
  if (root.path !== null && root.path !== '/') yield [taskFor(root.idmap), root.path, ...fence];
  if (root.file !== null) yield ['image', root.file, ...fence];
  if (root.overlay !== null && root.overlay.directory !== null) yield ['real', root.overlay.directory, ...fence];
  for (const mount of mounts) if (mount.type === 'bind') yield [taskFor(mount.idmap), mount.source, ...fence];
  for (const device of devices) yield ['real', device];
  for (const list of Object.values(hooks)) for (const { file } of list) yield ['real', file, ...fence];
  for (const value of Object.values(namespaces)) if (value.startsWith('/')) yield ['real', value];
}

function resolveRoot(root: Root, see: See): Root {
  if (root.path !== null && root.path !== '/') {
    const { path, idmap } = sourceAt(root.path, root.idmap, see);
    const overlay = resolveOverlay(root.overlay, path, see);
    return { ...root, path, layers: [path], overlay, idmap: path !== '/' && idmap };
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
  const { path, idmap } = sourceAt(mount.source, mount.idmap, see);
  return { ...mount, source: path, idmap };
}

function resolveIdmap(idmap: Idmap, mappable: boolean): Idmap {
  return idmap === 'auto' ? mappable || 'unsupported' : idmap;
}

/** Whether a file system can be id-mapped matters only where that is not decided yet. */
function taskFor(idmap: BindMount['idmap']): 'real' | 'source' {
  return idmap === 'auto' ? 'source' : 'real';
}

function sourceAt<I extends BindMount['idmap']>(given: string, idmap: I, see: See): { path: string; idmap: I | Idmap } {
  if (taskFor(idmap) === 'real') return { path: realPath(given, see), idmap };
  const { canIdmap, path } = readSource(see('source', given).body);
  return { path, idmap: resolveIdmap('auto', canIdmap !== false) }; // where it is not known, the start says it
}

function realPath(path: string, see: See): string {
  return see('real', path).body.toString();
}
